//! Which columns of a sparse matrix can be found in one product.
//!
//! Columns of one colour have no row in common, so the product of the matrix with the sum of their unit vectors
//! holds the entries of all of them side by side. Of a symmetric matrix less is needed: a star colouring
//! (Coleman and Moré, 1984), in which each entry or its mirror image stands alone.

/// For each column a colour such that no row has two columns of one colour, and the number of colours.
///
/// Greedy, in the order of the columns.
pub(super) fn columns(rows: &[Vec<u32>], count: usize) -> (Vec<u32>, usize) {
    let transposed = transpose(rows, count);
    greedy(count, |column, forbid| {
        for &row in &transposed[column] {
            for &other in &rows[row as usize] {
                forbid(other as usize);
            }
        }
    })
}

/// For each row of a symmetric pattern a colour in which its neighbours differ, and the number of colours.
pub(super) fn neighbours(rows: &[Vec<u32>]) -> (Vec<u32>, usize) {
    greedy(rows.len(), |row, forbid| {
        for &other in rows[row].iter().filter(|&&other| other as usize != row) {
            forbid(other as usize);
        }
    })
}

/// A star colouring of a symmetric pattern: neighbours differ, and every path of four has three colours or more.
pub(super) fn star(rows: &[Vec<u32>]) -> (Vec<u32>, usize) {
    let mut colours: Vec<Option<u32>> = vec![None; rows.len()];
    let mut count = 0;
    // `forbidden[c] == v + 1` if colour `c` may not be that of `v`.
    let mut forbidden: Vec<usize> = Vec::new();
    for v in 0..rows.len() {
        let neighbours = |of: usize| {
            rows[of]
                .iter()
                .map(|&n| n as usize)
                .filter(move |&n| n != of)
        };
        for w in neighbours(v) {
            if let Some(colour) = colours[w] {
                forbidden[colour as usize] = v + 1;
            }
            for x in neighbours(w).filter(|&x| x != v) {
                let Some(colour) = colours[x] else { continue };
                // The path v - w - x: with w uncoloured, x's colour is out; else only if it goes on to w's colour.
                let goes_on = match colours[w] {
                    None => true,
                    Some(of_w) => neighbours(x).any(|y| y != w && colours[y] == Some(of_w)),
                };
                if goes_on {
                    forbidden[colour as usize] = v + 1;
                }
            }
        }
        let colour = (0..count).find(|&c| forbidden[c] != v + 1).unwrap_or(count);
        if colour == count {
            count += 1;
            forbidden.push(0);
        }
        colours[v] = Some(colour as u32);
    }
    (
        colours.into_iter().map(Option::unwrap_or_default).collect(),
        count,
    )
}

fn greedy(count: usize, conflicts: impl Fn(usize, &mut dyn FnMut(usize))) -> (Vec<u32>, usize) {
    let mut colours: Vec<Option<u32>> = vec![None; count];
    let mut forbidden: Vec<usize> = Vec::new();
    for v in 0..count {
        conflicts(v, &mut |other| {
            if let Some(colour) = colours[other] {
                forbidden[colour as usize] = v + 1;
            }
        });
        let free = forbidden.iter().position(|&by| by != v + 1);
        let colour = free.unwrap_or(forbidden.len());
        if colour == forbidden.len() {
            forbidden.push(0);
        }
        colours[v] = Some(colour as u32);
    }
    let colours = colours.into_iter().map(Option::unwrap_or_default).collect();
    (colours, forbidden.len())
}

pub(super) fn transpose(rows: &[Vec<u32>], columns: usize) -> Vec<Vec<u32>> {
    let mut transposed = vec![Vec::new(); columns];
    for (row, entries) in rows.iter().enumerate() {
        for &column in entries {
            transposed[column as usize].push(row as u32);
        }
    }
    transposed
}
