//! Which columns of a sparse matrix can be found in one product.
//!
//! Columns of one colour have no row in common, so the product of the matrix with the sum of their unit vectors
//! holds the entries of all of them side by side. Of a symmetric matrix less is needed: a star colouring
//! (Coleman and Moré, 1984), in which each entry or its mirror image stands alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rustc_hash::FxBuildHasher;

/// Colours that are numbered from 0; what needs none has none.
pub(super) struct Colouring {
    pub(super) of: Vec<Option<u32>>,
    pub(super) count: usize,
}

impl Colouring {
    /// The members of each colour.
    pub(super) fn groups(&self) -> Vec<Vec<u32>> {
        let mut groups = vec![Vec::new(); self.count];
        for (index, colour) in self.of.iter().enumerate() {
            if let Some(colour) = colour {
                groups[*colour as usize].push(index as u32);
            }
        }
        groups
    }
}

/// Colours for those columns that have an entry in a row that `counts`, so that no such row has two columns of one colour.
///
/// `columns` is the transposed pattern. Greedy, in the order of the columns.
pub(super) fn columns(
    rows: &[Vec<u32>],
    columns: &[Vec<u32>],
    counts: impl Fn(u32) -> bool,
) -> Colouring {
    let mut of = vec![None; columns.len()];
    let whole = |row: &Vec<u32>| row.len() == columns.len();
    if (0..)
        .zip(rows)
        .any(|(index, row)| whole(row) && counts(index))
    {
        // A full row needs them all, and finding that out in the long way takes the cube of its length.
        let of = (0..columns.len() as u32).map(Some).collect();
        return Colouring {
            of,
            count: columns.len(),
        };
    }
    let mut forbidden = Forbidden::default();
    for (column, entries) in columns.iter().enumerate() {
        let mut needed = false;
        for &row in entries.iter().filter(|&&row| counts(row)) {
            needed = true;
            for &other in &rows[row as usize] {
                forbidden.forbid(of[other as usize], column);
            }
        }
        if needed {
            of[column] = Some(forbidden.first_free(column));
        }
    }
    Colouring {
        of,
        count: forbidden.by.len(),
    }
}

/// Colours for the rows of a symmetric pattern, in which neighbours differ: enough for the diagonal.
pub(super) fn neighbours(rows: &[Vec<u32>]) -> Colouring {
    let mut of: Vec<Option<u32>> = vec![None; rows.len()];
    let mut forbidden = Forbidden::default();
    for (row, entries) in rows.iter().enumerate() {
        for &other in entries.iter().filter(|&&other| other as usize != row) {
            forbidden.forbid(of[other as usize], row);
        }
        of[row] = Some(forbidden.first_free(row));
    }
    Colouring {
        of,
        count: forbidden.by.len(),
    }
}

/// A star colouring of a symmetric pattern: neighbours differ, and every path of four has three colours or more.
///
/// Greedy, from the fullest row to the emptiest or in the order of the rows, whichever takes fewer colours. A full row that comes late
/// finds its neighbours in as many colours as there are of them.
pub(super) fn star(rows: &[Vec<u32>]) -> Colouring {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let natural = order.clone();
    order.sort_by_key(|&v| std::cmp::Reverse(rows[v].len()));
    let first = star_in(rows, &order, usize::MAX).expect("there is no limit");
    star_in(rows, &natural, first.count).unwrap_or(first)
}

/// A star colouring in a given order, if it takes fewer colours than `limit`.
fn star_in(rows: &[Vec<u32>], order: &[usize], limit: usize) -> Option<Colouring> {
    let mut of: Vec<Option<u32>> = vec![None; rows.len()];
    let mut forbidden = Forbidden::default();
    let mut hubs = Hubs::of(rows);
    for (coloured, &v) in order.iter().enumerate() {
        // Next to everybody so far it needs a new colour, and no look at the paths, of which a full matrix has n^3.
        let all = neighbours_of(rows, v).filter(|&w| of[w].is_some()).count() == coloured;
        for w in neighbours_of(rows, v) {
            forbidden.forbid(of[w], v);
            if all {
                continue;
            }
            // The path v - w - x: with w uncoloured, x's colour is out; else only if it goes on to w's colour.
            match of[w] {
                None => neighbours_of(rows, w).for_each(|x| forbidden.forbid(of[x], v)),
                Some(_) => hubs.beside[w]
                    .iter()
                    .for_each(|&x| forbidden.forbid(of[x as usize], v)),
            }
        }
        let colour = forbidden.first_free(v);
        of[v] = Some(colour);
        hubs.coloured(v, colour);
        if forbidden.by.len() >= limit {
            return None;
        }
    }
    Some(Colouring {
        of,
        count: forbidden.by.len(),
    })
}

fn neighbours_of(rows: &[Vec<u32>], of: usize) -> impl Iterator<Item = usize> {
    let others = rows[of].iter().map(|&n| n as usize);
    others.filter(move |&n| n != of)
}

/// Rows with two neighbours of one colour.
struct Hubs<'a> {
    rows: &'a [Vec<u32>],
    /// For each row that has a colour, those of its neighbours that have another one of that colour.
    beside: Vec<Vec<u32>>,
    /// Of each colour the only row so far.
    only: Vec<Option<usize>>,
    /// For a row and a colour that is not one row's alone: its only neighbour of that colour so far, or none if there are more.
    lone: HashMap<(u32, u32), Option<u32>, FxBuildHasher>,
}

impl<'a> Hubs<'a> {
    fn of(rows: &'a [Vec<u32>]) -> Self {
        Self {
            rows,
            beside: vec![Vec::new(); rows.len()],
            only: Vec::new(),
            lone: HashMap::default(),
        }
    }

    fn coloured(&mut self, v: usize, colour: u32) {
        if colour as usize == self.only.len() {
            self.only.push(Some(v));
            return;
        }
        if let Some(first) = self.only[colour as usize].take() {
            self.enter(first, colour);
        }
        self.enter(v, colour);
    }

    fn enter(&mut self, v: usize, colour: u32) {
        for x in neighbours_of(self.rows, v) {
            match self.lone.entry((x as u32, colour)) {
                Entry::Vacant(place) => {
                    place.insert(Some(v as u32));
                }
                Entry::Occupied(mut place) => {
                    if let Some(first) = place.get_mut().take() {
                        self.beside[first as usize].push(x as u32);
                    }
                    self.beside[v].push(x as u32);
                }
            }
        }
    }
}

/// Which colours are out, and for whom; a new one is added where none is free.
#[derive(Default)]
struct Forbidden {
    /// For each colour, one more than the last index that may not have it.
    by: Vec<usize>,
}

impl Forbidden {
    fn forbid(&mut self, colour: Option<u32>, index: usize) {
        if let Some(colour) = colour {
            self.by[colour as usize] = index + 1;
        }
    }

    fn first_free(&mut self, index: usize) -> u32 {
        let free = self.by.iter().position(|&by| by != index + 1);
        let colour = free.unwrap_or(self.by.len());
        if colour == self.by.len() {
            self.by.push(0);
        }
        colour as u32
    }
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
