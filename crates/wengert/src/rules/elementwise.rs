//! The table: every elementwise operation, each declared once.
//!
//! A row gives the value in plain numbers and the partials in terms of inputs, output and other
//! rows. Three habits keep it exact:
//!
//! * A partial that would cancel or overflow where the value does not is a row of its own, with
//!   its own partials (`sech2` for `tanh`), so that every higher order is as accurate as the first.
//! * A partial of a function that is smooth at a point is written with rows that are smooth there.
//!   `x.abs()` in it would be right as a number, but its recorded derivative would not.
//! * A value and its partials call the same inlined function of the same input wherever they need
//!   the same exponential or root, which the compiler then computes once.

use crate::rules::expand::elementwise;
use crate::special;

const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

// gelu_tanh(x) = x sigmoid(GELU_LINEAR x + GELU_CUBIC x^3), with GELU_LINEAR = 2 sqrt(2 / pi).
const GELU_LINEAR: f64 = 1.595_769_121_605_730_7;
const GELU_CUBIC: f64 = 0.044_715 * GELU_LINEAR;
const GELU_CUBIC_SLOPE: f64 = 3.0 * GELU_CUBIC;

// In `partials` an operator after an `f64` wants an `R`, so parameters are stepped by these.
fn next(n: f64) -> f64 {
    n + 1.0
}
fn previous(n: f64) -> f64 {
    n - 1.0
}

elementwise! {
    // Arithmetic.

    /// The same value, as a node of its own.
    ///
    /// copy(x + dx) ~= x + dx
    (internal) copy(x in -3.0..3.0) z {
        value: x,
        partials: [x.lit(1.0)],
        kinks: [],
    }
    /// The negative.
    ///
    /// -(x + dx) ~= -x - dx
    neg(x in -3.0..3.0) z {
        value: -x,
        partials: [x.lit(-1.0)],
        kinks: [],
    }
    /// Sum.
    ///
    /// (x + dx) + (y + dy) ~= (x + y) + dx + dy
    add(x in -3.0..3.0, y in -3.0..3.0) z {
        value: x + y,
        partials: [x.lit(1.0), y.lit(1.0)],
        kinks: [],
    }
    /// Difference.
    ///
    /// (x + dx) - (y + dy) ~= (x - y) + dx - dy
    sub(x in -3.0..3.0, y in -3.0..3.0) z {
        value: x - y,
        partials: [x.lit(1.0), y.lit(-1.0)],
        kinks: [],
    }
    /// Product.
    ///
    /// (x + dx) (y + dy) ~= x y + y dx + x dy
    mul(x in -3.0..3.0, y in -3.0..3.0) z {
        value: x * y,
        partials: [y, x],
        kinks: [],
    }
    /// Quotient.
    ///
    /// (x + dx) / (y + dy) ~= x / y + (dx - (x / y) dy) / y
    div(x in -3.0..3.0, y in 0.5..3.0) z {
        value: x / y,
        partials: { let r = 1.0 / y; [r, -z * r] },
        kinks: ["at y = 0" => "no finite partials: infinities and NaN as the arithmetic gives them; JAX and PyTorch the same"],
    }
    /// Remainder of the division rounded towards zero, with the sign of `x`, as Rust's `%`.
    ///
    /// (x + dx) % (y + dy) ~= x % y + dx - trunc(x / y) dy
    rem(x in 5.2..5.8, y in 2.0..2.5) z {
        value: x % y,
        partials: [x.lit(1.0), -x.rem_quotient(y)],
        kinks: ["at a jump, x a multiple of y" => "the slopes of the piece that the value belongs to; JAX and PyTorch (`fmod`) the same"],
    }
    /// The whole quotient that belongs to the remainder, trunc(x / y) without its rounding error.
    ///
    /// rem_quotient(x + dx, y + dy) ~= rem_quotient(x, y)
    (internal) rem_quotient(x in 5.2..5.8, y in 2.0..2.5) z {
        value: ((x - x % y) / y).round(),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at a jump" => "the partials are 0"],
    }
    /// x y + w, rounded once, as std's `mul_add`.
    ///
    /// (x + dx) (y + dy) + (w + dw) ~= x y + w + y dx + x dy + dw
    mul_add(x in -3.0..3.0, y in -3.0..3.0, w in -3.0..3.0) z {
        value: x.mul_add(y, w),
        partials: [y, x, w.lit(1.0)],
        kinks: [],
    }
    /// Linear interpolation from `x` at t = 0 to `y` at t = 1, exact at both ends.
    ///
    /// lerp(x + dx, y + dy, t + dt) ~= lerp(x, y, t) + (1 - t) dx + t dy + (y - x) dt
    lerp(x in -3.0..3.0, y in -3.0..3.0, t in 0.1..0.9) z {
        value: if t < 0.5 { x + t * (y - x) } else { y - (1.0 - t) * (y - x) },
        partials: [1.0 - t, t, y - x],
        kinks: [],
    }
    /// Square of the difference.
    ///
    /// ((x + dx) - (y + dy))^2 ~= (x - y)^2 + 2 (x - y) (dx - dy)
    squared_difference(x in -3.0..3.0, y in -3.0..3.0) z {
        value: { let d = x - y; d * d },
        partials: { let d = 2.0 * (x - y); [d, -d] },
        kinks: [],
    }
    /// The product g d, and 0 wherever g = 0, whatever d is.
    ///
    /// absorb_mul(g + dg, d + dd) ~= absorb_mul(g, d) + d dg + g dd
    (internal) absorb_mul(g in 0.5..2.0, d in -3.0..3.0) z {
        value: if g == 0.0 { g.lit(0.0) } else { g * d },
        // Where the product is absorbed, no derivative of it may bring the infinity back.
        partials: [g.absorb_live(d).select(d, 0.0), g],
        kinks: ["at g = 0 with d infinite or NaN" => "the value is 0: no adjoint flows through a branch that nothing depends on; JAX and PyTorch give NaN"],
    }

    /// 0 where g = 0 and d is infinite or NaN, else 1.
    ///
    /// absorb_live(g + dg, d + dd) ~= absorb_live(g, d)
    (internal) absorb_live(g in 0.5..2.0, d in -3.0..3.0) z {
        value: g.lit(if g == 0.0 && !d.is_finite() { 0.0 } else { 1.0 }),
        partials: [g.lit(0.0), d.lit(0.0)],
        kinks: [],
    }

    // Powers and roots.

    /// Reciprocal.
    ///
    /// 1 / (x + dx) ~= 1 / x - dx / x^2
    recip(x in 0.5..3.0) z {
        value: 1.0 / x,
        partials: [-z * z],
        kinks: ["at 0" => "the partial is -inf; JAX and PyTorch the same"],
    }
    /// Square.
    ///
    /// (x + dx)^2 ~= x^2 + 2 x dx
    square(x in -3.0..3.0) z {
        value: x * x,
        partials: [2.0 * x],
        kinks: [],
    }
    /// Square root.
    ///
    /// sqrt(x + dx) ~= sqrt x + dx / (2 sqrt x)
    sqrt(x in 0.5..3.0) z {
        value: x.sqrt(),
        partials: [0.5 / z],
        kinks: ["at 0" => "the partial is +inf, its one-sided limit; JAX and PyTorch the same"],
    }
    /// Cube root.
    ///
    /// cbrt(x + dx) ~= cbrt x + dx / (3 cbrt(x)^2)
    cbrt(x in 0.5..3.0) z {
        value: x.cbrt(),
        partials: [1.0 / (3.0 * z * z)],
        kinks: ["at 0" => "the partial is +inf; JAX the same; PyTorch has no cube root"],
    }
    /// Reciprocal of the square root.
    ///
    /// rsqrt(x + dx) ~= x^(-1/2) - x^(-3/2) dx / 2
    rsqrt(x in 0.5..3.0) z {
        value: 1.0 / x.sqrt(),
        partials: [-0.5 * z / x],
        kinks: ["at 0" => "the value is +inf and the partial -inf; JAX and PyTorch the same"],
    }
    /// Whole power with a constant exponent `n`.
    ///
    /// (x + dx)^n ~= x^n + n x^(n-1) dx
    powi(x in 0.5..3.0; n = 3.0) z {
        // std's powi loses bits with every squaring, powf does not.
        value: if n.abs() <= 16.0 && n.fract() == 0.0 { x.powi(n as i32) } else { x.powf(x.lit(n)) },
        partials: [if n == 0.0 { x.lit(0.0) } else { n * x.powi(previous(n)) }],
        kinks: ["n = 0, at 0" => "the value is 1 and the partial 0; JAX and PyTorch the same",
                "n = 1, at 0" => "the partial is 1; JAX and PyTorch the same"],
    }
    /// Power with a constant exponent `p`.
    ///
    /// (x + dx)^p ~= x^p + p x^(p-1) dx
    powf(x in 0.5..3.0; p = 1.7) z {
        value: x.powf(x.lit(p)),
        partials: [x.powf_slope(p)],
        kinks: ["p = 0, at 0" => "the value is 1 and the partial 0; PyTorch the same; JAX gives a partial of NaN",
                "0 < p < 1, at 0" => "the partial is +inf; JAX and PyTorch the same",
                "x < 0, p not whole" => "value and partial are NaN; JAX and PyTorch the same"],
    }
    /// The slope of a power with a constant exponent, p x^(p-1), and 0 for p = 0.
    ///
    /// p (x + dx)^(p-1) ~= p x^(p-1) + p (p-1) x^(p-2) dx
    (internal) powf_slope(x in 0.5..3.0; p = 1.7) z {
        value: special::pow_slope(x, x.lit(p)),
        partials: [if p == 0.0 { x.lit(0.0) } else { p * x.powf_slope(previous(p)) }],
        kinks: [],
    }
    /// Power.
    ///
    /// (x + dx)^(y + dy) ~= x^y + y x^(y-1) dx + x^y ln(x) dy
    pow(x in 0.5..3.0, y in -2.0..2.0) z {
        value: x.powf(y),
        partials: [x.pow_slope(y), x.pow_ln(y, 1.0)],
        kinks: ["x = 1 or y = 0, the other NaN" => "the value is 1, as std's; JAX and PyTorch the same",
                "at x = 0, y >= 0, by y" => "0, the limit for y > 0; JAX and PyTorch the same",
                "at x = 0, y = 0, by x" => "0, the slope of x^0; PyTorch the same; JAX gives NaN",
                "at x = 0, y < 0, by y" => "-inf, the limit; PyTorch the same; JAX gives NaN",
                "x < 0, y whole" => "by x as for whole powers; by y NaN, for x^y is undefined between whole y; JAX and PyTorch the same"],
    }
    /// The slope of a power, y x^(y-1), and 0 for y = 0.
    ///
    /// pow_slope(x + dx, y + dy) ~= y x^(y-1) + y (y-1) x^(y-2) dx + x^(y-1) (1 + y ln x) dy
    (internal) pow_slope(x in 0.5..3.0, y in -2.0..2.0) z {
        value: special::pow_slope(x, y),
        partials: {
            let lower = y - 1.0;
            [y * x.pow_slope(lower), x.pow(lower) + y * x.pow_ln(lower, 1.0)]
        },
        kinks: [],
    }
    /// x^y ln(x)^n, the `n`-th derivative of a power by its exponent; 0 at x = 0 for y >= 0.
    ///
    /// pow_ln(x + dx, y + dy; n) ~= x^y ln(x)^n + x^(y-1) (y ln(x)^n + n ln(x)^(n-1)) dx + x^y ln(x)^(n+1) dy
    (internal) pow_ln(x in 0.5..3.0, y in -2.0..2.0; n = 1.0) z {
        value: {
            let power = x.powf(y);
            if n == 0.0 {
                power
            } else if x == 0.0 && y >= 0.0 {
                x.lit(0.0)
            } else {
                power * x.ln().powi(n as i32)
            }
        },
        partials: {
            let lower = y - 1.0;
            let by_x = y * x.pow_ln(lower, n);
            [if n == 0.0 { by_x } else { by_x + n * x.pow_ln(lower, previous(n)) }, x.pow_ln(y, next(n))]
        },
        kinks: [],
    }
    /// Length of the vector (x, y), without overflow.
    ///
    /// hypot(x + dx, y + dy) ~= r + (x dx + y dy) / r, with r = hypot(x, y)
    hypot(x in 0.5..3.0, y in -3.0..-0.5) z {
        value: special::hypot(x, y),
        partials: [x.over_hypot(y), y.over_hypot(x)],
        kinks: ["at (0, 0)" => "both partials are 0, the middle of the subgradients; JAX gives 1/2 each, PyTorch NaN",
                "one infinite, the other NaN" => "the value is +inf, as std's; JAX and PyTorch the same"],
    }
    /// The cosine of the angle of the point (x, y): x / hypot(x, y), and 0 at the origin.
    ///
    /// over_hypot(x + dx, y + dy) ~= x / r + y (y dx - x dy) / r^3, with r = hypot(x, y)
    (internal) over_hypot(x in 0.5..3.0, y in -3.0..-0.5) z {
        value: special::over_hypot(x, y),
        partials: { let v = y.over_hypot(x) / x.hypot(y); [v * y.over_hypot(x), -v * z] },
        kinks: ["at (0, 0)" => "the value is 0 and the partials are NaN: a length has no second derivative there"],
    }

    // Exponentials and logarithms.

    /// Exponential.
    ///
    /// exp(x + dx) ~= exp x + exp(x) dx
    exp(x in -3.0..3.0) z {
        value: x.exp(),
        partials: [z],
        kinks: [],
    }
    /// Power of two.
    ///
    /// 2^(x + dx) ~= 2^x + 2^x ln(2) dx
    exp2(x in -3.0..3.0) z {
        value: x.exp2(),
        partials: [z * std::f64::consts::LN_2],
        kinks: [],
    }
    /// exp(x) - 1, accurate near 0.
    ///
    /// exp_m1(x + dx) ~= exp_m1 x + exp(x) dx
    exp_m1(x in -3.0..3.0) z {
        value: x.exp_m1(),
        // Not z + 1, which cancels for large negative x.
        partials: [x.exp()],
        kinks: [],
    }
    /// Natural logarithm.
    ///
    /// ln(x + dx) ~= ln x + dx / x
    ln(x in 0.5..3.0) z {
        value: x.ln(),
        partials: [1.0 / x],
        kinks: ["at 0" => "the value is -inf and the partial +inf; JAX and PyTorch the same",
                "x < 0" => "the value is NaN and the partial 1 / x; JAX and PyTorch the same"],
    }
    /// Logarithm to base 2.
    ///
    /// log2(x + dx) ~= log2 x + dx / (x ln 2)
    log2(x in 0.5..3.0) z {
        value: x.log2(),
        partials: [std::f64::consts::LOG2_E / x],
        kinks: ["at 0" => "the value is -inf and the partial +inf; JAX and PyTorch the same"],
    }
    /// Logarithm to base 10.
    ///
    /// log10(x + dx) ~= log10 x + dx / (x ln 10)
    log10(x in 0.5..3.0) z {
        value: x.log10(),
        partials: [std::f64::consts::LOG10_E / x],
        kinks: ["at 0" => "the value is -inf and the partial +inf; JAX and PyTorch the same"],
    }
    /// ln(1 + x), accurate near 0.
    ///
    /// ln_1p(x + dx) ~= ln_1p x + dx / (1 + x)
    ln_1p(x in -0.5..3.0) z {
        value: x.ln_1p(),
        partials: [1.0 / (1.0 + x)],
        kinks: ["at -1" => "the value is -inf and the partial +inf; JAX and PyTorch the same"],
    }
    /// ln(exp x + exp y) without overflow.
    ///
    /// logaddexp(x + dx, y + dy) ~= logaddexp(x, y) + sigmoid(x - y) dx + sigmoid(y - x) dy
    logaddexp(x in -3.0..3.0, y in -3.0..3.0) z {
        value: if x == y {
            x + std::f64::consts::LN_2
        } else {
            // The same terms as the partials', so that they share the exponential.
            let tail = (-(x - y).abs()).exp().ln_1p();
            (if x > y { x } else { y }) + tail
        },
        partials: [x.logistic_share(y), y.logistic_share(x)],
        kinks: ["x = y = -inf or +inf" => "the partials are 1/2 each, as for any x = y; JAX gives NaN at -inf and 1 each at +inf, PyTorch NaN"],
    }
    /// The share of exp(x) in exp(x) + exp(y): sigmoid(x - y), and 1/2 for equal infinities.
    ///
    /// logistic_share(x + dx, y + dy) ~= s + s (1 - s) (dx - dy), with s = sigmoid(x - y)
    (internal) logistic_share(x in -3.0..3.0, y in -3.0..3.0) z {
        value: if x == y { x.lit(0.5) } else { special::sigmoid_and_slope(x - y).0 },
        partials: { let slope = z * y.logistic_share(x); [slope, -slope] },
        kinks: [],
    }
    /// x ln y, and 0 at x = 0 whatever y is.
    ///
    /// xlogy(x + dx, y + dy) ~= x ln y + ln(y) dx + (x / y) dy
    xlogy(x in -3.0..3.0, y in 0.5..3.0) z {
        value: if x == 0.0 && !y.is_nan() { x.lit(0.0) } else { x * y.ln() },
        partials: [y.ln(), x.ratio_or_zero(y)],
        kinks: ["at (0, 0)" => "by x -inf, the limit; by y 0, so that 0 ln 0 has no pull; JAX gives NaN by y; PyTorch 0 by x and NaN by y"],
    }
    /// x ln(1 + y), and 0 at x = 0 whatever y is.
    ///
    /// xlog1py(x + dx, y + dy) ~= x ln_1p y + ln_1p(y) dx + x / (1 + y) dy
    xlog1py(x in -3.0..3.0, y in -0.5..3.0) z {
        value: if x == 0.0 && !y.is_nan() { x.lit(0.0) } else { x * y.ln_1p() },
        partials: [y.ln_1p(), x.ratio_or_zero(1.0 + y)],
        kinks: ["at (0, -1)" => "by x -inf, the limit; by y 0; JAX gives NaN by y; PyTorch 0 by x and NaN by y"],
    }
    /// x / y, and 0 at x = 0 whatever y is.
    ///
    /// ratio_or_zero(x + dx, y + dy) ~= x / y + dx / y - x / y^2 dy
    (internal) ratio_or_zero(x in -3.0..3.0, y in 0.5..3.0) z {
        value: if x == 0.0 && !y.is_nan() { x.lit(0.0) } else { x / y },
        partials: [1.0 / y, -z.ratio_or_zero(y)],
        kinks: ["at (0, 0)" => "the value is 0"],
    }

    // Trigonometric functions.

    /// Sine.
    ///
    /// sin(x + dx) ~= sin x + cos(x) dx
    sin(x in -3.0..3.0) z {
        value: x.sin(),
        partials: [x.cos()],
        kinks: [],
    }
    /// Cosine.
    ///
    /// cos(x + dx) ~= cos x - sin(x) dx
    cos(x in -3.0..3.0) z {
        value: x.cos(),
        partials: [-x.sin()],
        kinks: [],
    }
    /// Tangent.
    ///
    /// tan(x + dx) ~= tan x + (1 + tan^2 x) dx
    tan(x in -1.2..1.2) z {
        value: x.tan(),
        partials: [1.0 + z * z],
        kinks: [],
    }
    /// Inverse sine.
    ///
    /// asin(x + dx) ~= asin x + dx / sqrt(1 - x^2)
    asin(x in -0.8..0.8) z {
        value: x.asin(),
        partials: [x.one_minus_square().rsqrt()],
        kinks: ["at -1 and 1" => "the partial is +inf; JAX and PyTorch the same"],
    }
    /// Inverse cosine.
    ///
    /// acos(x + dx) ~= acos x - dx / sqrt(1 - x^2)
    acos(x in -0.8..0.8) z {
        value: x.acos(),
        partials: [-x.one_minus_square().rsqrt()],
        kinks: ["at -1 and 1" => "the partial is -inf; JAX and PyTorch the same"],
    }
    /// 1 - x^2, accurate near -1 and 1.
    ///
    /// 1 - (x + dx)^2 ~= 1 - x^2 - 2 x dx
    (internal) one_minus_square(x in -3.0..3.0) z {
        value: (1.0 - x) * (1.0 + x),
        // As one row: the derivative of the product, -(1 + x) + (1 - x), would cancel near 0.
        partials: [-2.0 * x],
        kinks: [],
    }
    /// Inverse tangent.
    ///
    /// atan(x + dx) ~= atan x + dx / (1 + x^2)
    atan(x in -3.0..3.0) z {
        value: x.atan(),
        partials: [1.0 / (1.0 + x * x)],
        kinks: [],
    }
    /// Angle of the point (x, y) in (-pi, pi].
    ///
    /// atan2(y + dy, x + dx) ~= atan2(y, x) + (x dy - y dx) / (x^2 + y^2)
    atan2(y in -3.0..3.0, x in 0.5..3.0) z {
        value: y.atan2(x),
        partials: [x.over_r2(y), -y.over_r2(x)],
        kinks: ["at (0, 0)" => "both partials are 0; JAX and PyTorch give NaN"],
    }
    /// x / (x^2 + y^2) without overflow of the squares, and 0 at the origin.
    ///
    /// over_r2(x + dx, y + dy) ~= x / r^2 + ((y^2 - x^2) dx - 2 x y dy) / r^4, with r^2 = x^2 + y^2
    (internal) over_r2(x in 0.5..3.0, y in -3.0..-0.5) z {
        value: special::over_r2(x, y),
        partials: { let w = y.over_r2(x); [w * w - z * z, -2.0 * z * w] },
        kinks: ["at (0, 0)" => "value and partials are 0"],
    }
    /// sin(pi x) / (pi x), and 1 at 0, as NumPy's `sinc`.
    ///
    /// sinc(x + dx) ~= sinc x + (cos(pi x) - sinc x) / x dx
    sinc(x in -3.0..3.0) z {
        value: special::by_f64(x, |x| special::sinc_derivative(0, x)),
        partials: [x.sinc_derivative(1.0)],
        kinks: [],
    }
    /// The `n`-th derivative of sin(pi x) / (pi x), smooth at 0.
    ///
    /// sinc_derivative(x + dx; n) ~= sinc_derivative(x; n) + sinc_derivative(x; n + 1) dx
    (internal) sinc_derivative(x in -3.0..3.0; n = 1.0) z {
        value: special::by_f64(x, |x| special::sinc_derivative(n as u32, x)),
        partials: [x.sinc_derivative(next(n))],
        kinks: [],
    }

    // Hyperbolic functions.

    /// Hyperbolic sine.
    ///
    /// sinh(x + dx) ~= sinh x + cosh(x) dx
    sinh(x in -3.0..3.0) z {
        value: x.sinh(),
        partials: [x.cosh()],
        kinks: [],
    }
    /// Hyperbolic cosine.
    ///
    /// cosh(x + dx) ~= cosh x + sinh(x) dx
    cosh(x in -3.0..3.0) z {
        value: x.cosh(),
        partials: [x.sinh()],
        kinks: [],
    }
    /// Hyperbolic tangent.
    ///
    /// tanh(x + dx) ~= tanh x + sech^2(x) dx
    tanh(x in -3.0..3.0) z {
        value: special::tanh(x),
        partials: [x.sech2()],
        kinks: [],
    }
    /// Square of the hyperbolic secant, accurate where tanh is near 1.
    ///
    /// sech2(x + dx) ~= sech^2 x - 2 sech^2(x) tanh(x) dx
    (internal) sech2(x in -3.0..3.0) z {
        value: special::sech2(x),
        partials: [-2.0 * z * x.tanh()],
        kinks: [],
    }
    /// Inverse hyperbolic sine.
    ///
    /// asinh(x + dx) ~= asinh x + dx / sqrt(x^2 + 1)
    asinh(x in -3.0..3.0) z {
        value: x.asinh(),
        // hypot: the square of a large x would overflow.
        partials: [1.0 / x.hypot(1.0)],
        kinks: [],
    }
    /// Inverse hyperbolic cosine.
    ///
    /// acosh(x + dx) ~= acosh x + dx / sqrt(x^2 - 1)
    acosh(x in 1.5..4.0) z {
        value: special::acosh(x),
        partials: [1.0 / ((x - 1.0).sqrt() * (x + 1.0).sqrt())],
        kinks: ["at 1" => "the partial is +inf; JAX and PyTorch the same"],
    }
    /// Inverse hyperbolic tangent.
    ///
    /// atanh(x + dx) ~= atanh x + dx / (1 - x^2)
    atanh(x in -0.8..0.8) z {
        value: { let a = x.abs(); (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x) },
        partials: [1.0 / x.one_minus_square()],
        kinks: ["at -1 and 1" => "the value is infinite and the partial +inf; JAX and PyTorch the same"],
    }
    /// ln cosh x without overflow, accurate near 0.
    ///
    /// logcosh(x + dx) ~= logcosh x + tanh(x) dx
    logcosh(x in -3.0..3.0) z {
        value: {
            let a = x.abs();
            if a < 1.0 {
                let s = x.sinh();
                0.5 * (s * s).ln_1p()
            } else {
                a + ((-2.0 * a).exp().ln_1p() - std::f64::consts::LN_2)
            }
        },
        partials: [x.tanh()],
        kinks: [],
    }

    // Special functions.

    /// Error function.
    ///
    /// erf(x + dx) ~= erf x + 2 / sqrt(pi) exp(-x^2) dx
    erf(x in -2.0..2.0) z {
        value: x.erf(),
        partials: [std::f64::consts::FRAC_2_SQRT_PI * x.gaussian()],
        kinks: [],
    }
    /// Complementary error function, 1 - erf, accurate where erf is near 1.
    ///
    /// erfc(x + dx) ~= erfc x - 2 / sqrt(pi) exp(-x^2) dx
    erfc(x in -2.0..2.0) z {
        value: x.erfc(),
        partials: [-std::f64::consts::FRAC_2_SQRT_PI * x.gaussian()],
        kinks: [],
    }
    /// exp(-x^2), accurate where it is tiny.
    ///
    /// gaussian(x + dx) ~= exp(-x^2) - 2 x exp(-x^2) dx
    (internal) gaussian(x in -2.0..2.0) z {
        value: special::by_f64(x, special::gaussian),
        // The clamp keeps infinity times 0 out.
        partials: [-2.0 * x.clamp(-40.0, 40.0) * z],
        kinks: [],
    }
    /// Density of the standard normal distribution.
    ///
    /// normal_pdf(x + dx) ~= normal_pdf x - x normal_pdf(x) dx
    normal_pdf(x in -3.0..3.0) z {
        value: special::by_f64(x, special::normal_pdf),
        partials: [-x.clamp(-40.0, 40.0) * z],
        kinks: [],
    }
    /// Distribution function of the standard normal distribution.
    ///
    /// normal_cdf(x + dx) ~= normal_cdf x + normal_pdf(x) dx
    normal_cdf(x in -3.0..3.0) z {
        value: special::by_f64(x, special::normal_cdf),
        partials: [x.normal_pdf()],
        kinks: [],
    }
    /// Logarithm of the absolute value of the gamma function.
    ///
    /// lgamma(x + dx) ~= lgamma x + digamma(x) dx
    lgamma(x in 0.5..4.0) z {
        value: x.lgamma(),
        partials: [x.digamma()],
        kinks: ["at 0, -1, -2, .." => "the value is +inf; the partial -inf at 0, +inf at -0, else NaN; JAX gives NaN at all of them, PyTorch as here"],
    }
    /// Digamma function, the derivative of ln Gamma.
    ///
    /// digamma(x + dx) ~= digamma x + polygamma(x; 1) dx
    digamma(x in 0.5..4.0) z {
        value: x.polygamma(0),
        partials: [x.polygamma(1.0)],
        kinks: ["at 0, -1, -2, .." => "the value is -inf at 0, +inf at -0, else NaN; the partial is +inf; PyTorch the same; JAX gives NaN as value"],
    }
    /// Polygamma function of order `n`, the (n+1)-th derivative of ln Gamma; NaN unless `n` is a whole number from 0 to 1000.
    ///
    /// polygamma(x + dx; n) ~= polygamma(x; n) + polygamma(x; n + 1) dx
    polygamma(x in 0.5..4.0; n = 1.0) z {
        value: if (0.0..=1000.0).contains(&n) && n.fract() == 0.0 { x.polygamma(n as u32) } else { x.lit(f64::NAN) },
        partials: [x.polygamma(next(n))],
        kinks: ["at 0, -1, -2, .., n odd" => "the value is +inf"],
    }

    // Activations.

    /// Logistic function, 1 / (1 + exp(-x)).
    ///
    /// sigmoid(x + dx) ~= sigmoid x + sigmoid(x) sigmoid(-x) dx
    sigmoid(x in -3.0..3.0) z {
        value: special::sigmoid_and_slope(x).0,
        partials: [x.sigmoid_slope()],
        kinks: [],
    }
    /// The slope of the logistic function, sigmoid(x) sigmoid(-x), accurate in both tails.
    ///
    /// sigmoid_slope(x + dx) ~= s - s tanh(x / 2) dx, with s = sigmoid_slope x
    (internal) sigmoid_slope(x in -3.0..3.0) z {
        value: special::sigmoid_and_slope(x).1,
        partials: [-z * (0.5 * x).tanh()],
        kinks: [],
    }
    /// ln sigmoid(x).
    ///
    /// log_sigmoid(x + dx) ~= log_sigmoid x + sigmoid(-x) dx
    log_sigmoid(x in -3.0..3.0) z {
        value: -special::softplus(-x),
        partials: [(-x).sigmoid()],
        kinks: [],
    }
    /// ln(1 + exp x), without overflow.
    ///
    /// softplus(x + dx) ~= softplus x + sigmoid(x) dx
    softplus(x in -3.0..3.0) z {
        value: special::softplus(x),
        partials: [x.sigmoid()],
        kinks: [],
    }
    /// x / (1 + |x|).
    ///
    /// softsign(x + dx) ~= softsign x + dx / (1 + |x|)^2
    softsign(x in 0.2..3.0) z {
        value: if x.abs() > 1e30 { x.lit(1.0).copysign(x) } else { x / (1.0 + x.abs()) },
        partials: { let r = 1.0 / (1.0 + x.abs()); [r * r] },
        kinks: ["at 0, second order" => "0, the middle of the slopes -2 and 2; PyTorch the same; JAX gives -2"],
    }
    /// The larger of x and 0.
    ///
    /// relu(x + dx) ~= relu x + (x > 0) dx
    relu(x in 0.2..3.0) z {
        value: if x <= 0.0 { x.lit(0.0) } else { x },
        partials: [x.step(0.0)],
        kinks: ["at 0" => "the partial is 0; JAX and PyTorch the same"],
    }
    /// 1 above 0, `below` at 0 and below.
    ///
    /// step(x + dx; below) ~= step(x; below)
    step(x in -3.0..-0.2; below = 0.01) z {
        value: if x > 0.0 { x.lit(1.0) } else if x <= 0.0 { x.lit(below) } else { x },
        partials: [x.lit(0.0)],
        kinks: ["at 0" => "the value is `below` and the partial 0"],
    }
    /// x above 0, `slope` x below.
    ///
    /// leaky_relu(x + dx; slope) ~= leaky_relu(x; slope) + (1 above 0, slope below) dx
    leaky_relu(x in -3.0..-0.2; slope = 0.01) z {
        value: if x > 0.0 { x } else { slope * x },
        partials: [x.step(slope)],
        kinks: ["at 0" => "the partial is `slope`; PyTorch the same; JAX gives 1"],
    }
    /// x above 0, alpha (exp(x) - 1) below.
    ///
    /// elu(x + dx; alpha) ~= elu(x; alpha) + (1 above 0, alpha exp(x) below) dx
    elu(x in -3.0..-0.2; alpha = 1.3) z {
        value: if x > 0.0 { x } else { alpha * x.exp_m1() },
        partials: [x.elu_slope(alpha)],
        kinks: ["at 0" => "the partial is `alpha`; JAX and PyTorch the same"],
    }
    /// The slope of elu: 1 above 0, alpha exp(x) at 0 and below.
    ///
    /// elu_slope(x + dx; alpha) ~= elu_slope(x; alpha) + (0 above 0, alpha exp(x) below) dx
    (internal) elu_slope(x in -3.0..-0.2; alpha = 1.3) z {
        value: if x > 0.0 { x.lit(1.0) } else { alpha * x.exp() },
        partials: [x.exp_below(alpha)],
        kinks: [],
    }
    /// 0 above 0, scale exp(x) at 0 and below.
    ///
    /// exp_below(x + dx; scale) ~= exp_below(x; scale) (1 + dx)
    (internal) exp_below(x in -3.0..-0.2; scale = 1.3) z {
        value: if x > 0.0 { x.lit(0.0) } else { scale * x.exp() },
        partials: [z],
        kinks: [],
    }
    /// Self-normalising elu: scale * elu(x; alpha) with the two constants of Klambauer et al.
    ///
    /// selu(x + dx) ~= selu x + scale (1 above 0, alpha exp(x) below) dx
    selu(x in -3.0..-0.2) z {
        value: SELU_SCALE * x.elu(SELU_ALPHA),
        partials: [SELU_SCALE * x.elu_slope(SELU_ALPHA)],
        kinks: ["at 0" => "the partial is scale * alpha, about 1.758; JAX and PyTorch the same"],
    }
    /// x above 0, alpha (exp(x / alpha) - 1) below, for alpha > 0.
    ///
    /// celu(x + dx; alpha) ~= celu(x; alpha) + (1 above 0, exp(x / alpha) below) dx
    celu(x in -3.0..-0.2; alpha = 1.3) z {
        value: if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() },
        partials: [(x / alpha).elu_slope(1.0)],
        kinks: ["at 0, second order" => "1 / alpha, the slope from below; PyTorch the same; JAX gives 1 / (4 alpha)"],
    }
    /// Gaussian error linear unit, x Phi(x), exact.
    ///
    /// gelu(x + dx) ~= gelu x + (Phi(x) + x phi(x)) dx
    gelu(x in -3.0..3.0) z {
        value: if x < -40.0 { x.lit(0.0) } else { x * x.normal_cdf() },
        // The clamp keeps infinity times 0 out; both factors are constant beyond it.
        partials: { let y = x.clamp(-40.0, 40.0); [y.normal_cdf() + y * y.normal_pdf()] },
        kinks: [],
    }
    /// The approximation of gelu by tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    ///
    /// gelu_tanh(x + dx) ~= gelu_tanh x + (s + x s' (a + 3 b x^2)) dx, with s = sigmoid(a x + b x^3), a = 2 sqrt(2/pi), b = 0.044715 a
    gelu_tanh(x in -3.0..3.0) z {
        value: if x < -40.0 {
            x.lit(0.0)
        } else {
            x * (x * (GELU_LINEAR + GELU_CUBIC * (x * x))).sigmoid()
        },
        partials: {
            let y = x.clamp(-40.0, 40.0);
            let u = y * (GELU_LINEAR + GELU_CUBIC * (y * y));
            [u.sigmoid() + u.sigmoid_slope() * (y * (GELU_LINEAR + GELU_CUBIC_SLOPE * (y * y)))]
        },
        kinks: [],
    }
    /// Sigmoid linear unit, x sigmoid(x), also called swish.
    ///
    /// silu(x + dx) ~= silu x + (s + x s (1 - s)) dx, with s = sigmoid x
    silu(x in -3.0..3.0) z {
        value: if x < -800.0 { x.lit(0.0) } else { x * x.sigmoid() },
        partials: [x.sigmoid() + x.clamp(-800.0, 800.0) * x.sigmoid_slope()],
        kinks: [],
    }
    /// x tanh(softplus x).
    ///
    /// mish(x + dx) ~= mish x + (t + x t') dx, with t = tanh(softplus x)
    mish(x in -3.0..3.0) z {
        value: if x < -800.0 { x.lit(0.0) } else { x * x.mish_gate() },
        partials: [x.mish_gate() + x.clamp(-800.0, 800.0) * x.mish_gate_slope()],
        kinks: [],
    }
    /// tanh(softplus x), as a ratio of polynomials in exp(-|x|).
    ///
    /// mish_gate(x + dx) ~= mish_gate x + mish_gate_slope(x) dx
    (internal) mish_gate(x in -3.0..3.0) z {
        value: {
            let e = (-x.abs()).exp();
            if x > 0.0 {
                (1.0 + 2.0 * e) / (1.0 + 2.0 * e * (1.0 + e))
            } else {
                e * (e + 2.0) / (e * (e + 2.0) + 2.0)
            }
        },
        partials: [x.mish_gate_slope()],
        kinks: [],
    }
    /// The slope of tanh(softplus x), accurate in both tails.
    ///
    /// mish_gate_slope(x + dx) ~= m + m (sigmoid(-x) - 2 tanh(softplus x) sigmoid(x)) dx, with m = mish_gate_slope x
    (internal) mish_gate_slope(x in -3.0..3.0) z {
        value: {
            let e = (-x.abs()).exp();
            if x > 0.0 {
                let d = 1.0 + 2.0 * e * (1.0 + e);
                4.0 * e * e * (1.0 + e) / (d * d)
            } else {
                let d = e * (e + 2.0) + 2.0;
                4.0 * e * (1.0 + e) / (d * d)
            }
        },
        partials: [z * ((-x).sigmoid() - 2.0 * x.mish_gate() * x.sigmoid())],
        kinks: [],
    }
    /// x clamped to [-1, 1].
    ///
    /// hard_tanh(x + dx) ~= hard_tanh x + [-1 < x < 1] dx
    hard_tanh(x in -0.9..0.9) z {
        value: x.clamp(-1.0, 1.0),
        partials: [x.in_open(-1.0, 1.0)],
        kinks: ["at -1 and 1" => "the partial is 0; PyTorch the same; JAX gives 1"],
    }
    /// (x + 3) / 6 clamped to [0, 1].
    ///
    /// hard_sigmoid(x + dx) ~= hard_sigmoid x + [-3 < x < 3] / 6 dx
    hard_sigmoid(x in -2.8..2.8) z {
        value: ((x + 3.0) / 6.0).clamp(0.0, 1.0),
        partials: [x.in_open(-3.0, 3.0) / 6.0],
        kinks: ["at -3 and 3" => "the partial is 0; JAX and PyTorch the same"],
    }
    /// x hard_sigmoid(x).
    ///
    /// hard_swish(x + dx) ~= hard_swish x + (0 below -3, (2 x + 3) / 6 between, 1 above 3) dx
    hard_swish(x in -2.8..2.8) z {
        value: if x <= -3.0 { x.lit(0.0) } else { x * x.hard_sigmoid() },
        partials: [x.hard_sigmoid() + x.clamp(-3.0, 3.0) * x.in_open(-3.0, 3.0) / 6.0],
        kinks: ["at -3 and 3" => "the partial is 0 at -3 and 1 at 3, the slope outside; JAX the same; PyTorch, by its version, the same or -1/2 and 3/2"],
    }
    /// x clamped to [0, 6].
    ///
    /// relu6(x + dx) ~= relu6 x + (0 < x < 6) dx
    relu6(x in 0.2..5.8) z {
        value: x.clamp(0.0, 6.0),
        partials: [x.in_open(0.0, 6.0)],
        kinks: ["at 0 and 6" => "the partial is 0; JAX and PyTorch the same"],
    }

    // Signs, bounds and rounding.

    /// Absolute value.
    ///
    /// abs(x + dx) ~= |x| + sign(x) dx
    abs(x in -3.0..-0.2) z {
        value: x.abs(),
        partials: [x.sign()],
        kinks: ["at 0" => "the partial is 0, the middle of the slopes; PyTorch the same; JAX gives 1"],
    }
    /// Sign: -1, 0 or 1, with 0 at 0. Unlike std's `signum`, which is 1 at 0.
    ///
    /// sign(x + dx) ~= sign x
    sign(x in 0.2..3.0) z {
        value: if x > 0.0 { x.lit(1.0) } else if x < 0.0 { x.lit(-1.0) } else { x },
        partials: [x.lit(0.0)],
        kinks: ["at 0" => "the value is 0 and the partial 0; JAX and PyTorch the same"],
    }
    /// 1 with the sign of x, also at 0, as std's `signum`; NaN if x is NaN.
    ///
    /// signum(x + dx) ~= signum x
    (internal) signum(x in 0.2..3.0) z {
        value: x.signum(),
        partials: [x.lit(0.0)],
        kinks: ["at 0" => "the value has the sign of the zero, and the partial is 0"],
    }
    /// The size of `x` with the sign of `y`.
    ///
    /// copysign(x + dx, y + dy) ~= copysign(x, y) + sign(x) copysign(1, y) dx
    copysign(x in 0.5..3.0, y in -3.0..-0.5) z {
        value: x.copysign(y),
        partials: [x.sign() * y.lit(1.0).copysign(y), y.lit(0.0)],
        kinks: ["at x = 0" => "the partials are 0; PyTorch the same; JAX gives the slope from above by x",
                "at y = 0" => "the sign bit of y counts; the partial by y is 0; JAX and PyTorch the same"],
    }
    /// `x` limited to the interval from `lo` to `hi`.
    ///
    /// clamp(x + dx; lo, hi) ~= clamp(x; lo, hi) + [lo <= x <= hi] dx
    clamp(x in -0.9..0.9; lo = -1.0, hi = 1.0) z {
        value: if x < lo { x.lit(lo) } else if x > hi { x.lit(hi) } else { x },
        partials: [x.in_closed(lo, hi)],
        kinks: ["at lo and hi" => "the partial is 1, the slope inside; PyTorch the same; JAX gives 1/2 (`jnp.clip`) or 0 (`lax.clamp`)"],
    }
    /// 1 from `lo` to `hi`, the ends included, 0 outside.
    ///
    /// in_closed(x + dx; lo, hi) ~= in_closed(x; lo, hi)
    (internal) in_closed(x in -0.9..0.9; lo = -1.0, hi = 1.0) z {
        value: if x >= lo && x <= hi { x.lit(1.0) } else if x.is_nan() { x } else { x.lit(0.0) },
        partials: [x.lit(0.0)],
        kinks: ["at lo and hi" => "the value is 1 and the partial 0"],
    }
    /// 1 between `lo` and `hi`, 0 at the ends and outside.
    ///
    /// in_open(x + dx; lo, hi) ~= in_open(x; lo, hi)
    (internal) in_open(x in -0.9..0.9; lo = -1.0, hi = 1.0) z {
        value: if x > lo && x < hi { x.lit(1.0) } else if x.is_nan() { x } else { x.lit(0.0) },
        partials: [x.lit(0.0)],
        kinks: ["at lo and hi" => "value and partial are 0"],
    }
    /// The larger of the two; NaN if either is.
    ///
    /// maximum(x + dx, y + dy) ~= maximum(x, y) + (dx where x > y, dy where y > x)
    maximum(x in 1.0..3.0, y in -1.0..0.5) z {
        value: if x > y { x } else if y >= x { y } else { x + y },
        partials: [x.max_share(y), y.max_share(x)],
        kinks: ["at x = y" => "the partials are 1/2 each; JAX and PyTorch the same",
                "x or y NaN" => "value and partials are NaN; JAX gives partials of 0 and PyTorch of 1, which hide it"],
    }
    /// The smaller of the two; NaN if either is.
    ///
    /// minimum(x + dx, y + dy) ~= minimum(x, y) + (dx where x < y, dy where y < x)
    minimum(x in 1.0..3.0, y in -1.0..0.5) z {
        value: if x < y { x } else if y <= x { y } else { x + y },
        partials: [y.max_share(x), x.max_share(y)],
        kinks: ["at x = y" => "the partials are 1/2 each; JAX and PyTorch the same",
                "x or y NaN" => "value and partials are NaN; JAX gives partials of 0 and PyTorch of 1, which hide it"],
    }
    /// The larger of the two, ignoring a NaN, as std's `max`.
    ///
    /// max(x + dx, y + dy) ~= max(x, y) + (dx where x > y, dy where y > x)
    (internal) max(x in 1.0..3.0, y in -1.0..0.5) z {
        value: if (x > y) | y.is_nan() { x } else { y },
        partials: [x.number_share(y), y.number_share(x)],
        kinks: ["at x = y" => "the partials are 1/2 each",
                "x or y NaN" => "the other one, with partial 1"],
    }
    /// The smaller of the two, ignoring a NaN, as std's `min`.
    ///
    /// min(x + dx, y + dy) ~= min(x, y) + (dx where x < y, dy where y < x)
    (internal) min(x in 1.0..3.0, y in -1.0..0.5) z {
        value: if (x < y) | y.is_nan() { x } else { y },
        partials: [(-x).number_share(-y), (-y).number_share(-x)],
        kinks: ["at x = y" => "the partials are 1/2 each",
                "x or y NaN" => "the other one, with partial 1"],
    }
    /// The share of `x` in the larger of the two that is a number: 1 if x > y or y is NaN, 0 if x < y or x is NaN, 1/2 if equal.
    ///
    /// number_share(x + dx, y + dy) ~= number_share(x, y)
    (internal) number_share(x in 1.0..3.0, y in -1.0..0.5) z {
        // All is compared before anything is chosen, for a loop with branches is not vectorised.
        value: {
            let larger = (x > y) | (y.is_nan() & !x.is_nan());
            let share = if larger { 1.0 } else { 0.0 };
            x.lit(if x == y { 0.5 } else { share })
        },
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the value is 1/2 and the partials 0"],
    }
    /// The share of `x` in the larger of the two: 1 if x > y, 0 if x < y, 1/2 if equal.
    ///
    /// max_share(x + dx, y + dy) ~= max_share(x, y)
    (internal) max_share(x in 1.0..3.0, y in -1.0..0.5) z {
        value: {
            let share = if x > y { 1.0 } else { 0.0 };
            let share = if x == y { 0.5 } else { share };
            if x.is_nan() | y.is_nan() { x + y } else { x.lit(share) }
        },
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the value is 1/2 and the partials 0"],
    }
    /// The whole number at or below `x`.
    ///
    /// floor(x + dx) ~= floor x
    floor(x in 0.1..0.9) z {
        value: x.floor(),
        partials: [x.lit(0.0)],
        kinks: ["at whole numbers" => "the partial is 0; JAX and PyTorch the same"],
    }
    /// The whole number at or above `x`.
    ///
    /// ceil(x + dx) ~= ceil x
    ceil(x in 0.1..0.9) z {
        value: x.ceil(),
        partials: [x.lit(0.0)],
        kinks: ["at whole numbers" => "the partial is 0; JAX and PyTorch the same"],
    }
    /// The nearest whole number, halves away from zero as std's `round`.
    ///
    /// round(x + dx) ~= round x
    round(x in -0.4..0.4) z {
        value: x.round(),
        partials: [x.lit(0.0)],
        kinks: ["at halves" => "the value goes away from zero, in JAX and PyTorch to the even neighbour; the partial is 0 in all"],
    }
    /// The whole part, rounded towards zero.
    ///
    /// trunc(x + dx) ~= trunc x
    trunc(x in 0.1..0.9) z {
        value: x.trunc(),
        partials: [x.lit(0.0)],
        kinks: ["at whole numbers" => "the partial is 0; JAX and PyTorch the same"],
    }
    /// The fractional part, x - trunc(x), with the sign of `x`.
    ///
    /// fract(x + dx) ~= fract x + dx
    fract(x in 0.1..0.9) z {
        value: x.fract(),
        partials: [x.lit(1.0)],
        kinks: ["at whole numbers" => "the partial is 1; PyTorch the same"],
    }

    // Comparisons: 1 where true, 0 where not, also for NaN, which no number equals.

    /// 1 where x > y, else 0.
    ///
    /// gt(x + dx, y + dy) ~= gt(x, y)
    gt(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x > y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// 1 where x >= y, else 0.
    ///
    /// ge(x + dx, y + dy) ~= ge(x, y)
    ge(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x >= y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// 1 where x < y, else 0.
    ///
    /// lt(x + dx, y + dy) ~= lt(x, y)
    lt(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x < y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// 1 where x <= y, else 0.
    ///
    /// le(x + dx, y + dy) ~= le(x, y)
    le(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x <= y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// 1 where x = y, else 0.
    ///
    /// eq(x + dx, y + dy) ~= eq(x, y)
    eq(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x == y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// 1 where x and y differ, else 0.
    ///
    /// ne(x + dx, y + dy) ~= ne(x, y)
    ne(x in 1.0..3.0, y in -1.0..0.5) z {
        value: x.lit(if x != y { 1.0 } else { 0.0 }),
        partials: [x.lit(0.0), y.lit(0.0)],
        kinks: ["at x = y" => "the partials are 0"],
    }
    /// `x` where the mask is not 0, else `y`.
    ///
    /// select(mask, x + dx, y + dy) ~= select(mask, x, y) + (dx where mask is not 0, else dy)
    select(mask in 0.5..1.5, x in -3.0..3.0, y in -3.0..3.0) z {
        value: if mask != 0.0 { x } else { y },
        partials: [mask.lit(0.0), mask.ne(0.0), mask.eq(0.0)],
        kinks: ["the other one is infinite or NaN, or its slope is" => "nothing of it reaches the result; JAX and PyTorch give NaN"],
    }
}
