//! Special functions that std lacks, and kernels that two rules share.
//!
//! The first part is written for `f64`; `f32` goes by `f64` and rounds. The second part is generic
//! and inlined: a rule's value and its partial call the same function of the same input, so the
//! compiler computes it once.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::num::N;
use crate::real::Real;

/// The polygamma function of order `n`, the (n+1)-th derivative of ln Gamma; order 0 is digamma.
///
/// At 0, -1, -2, ... the odd orders go to +inf from both sides, and that is their value. The even
/// orders change sign there: -inf at 0, +inf at -0, NaN at the negative whole numbers.
pub(crate) fn polygamma(n: u32, x: f64) -> f64 {
    if n == 0 {
        return digamma(x);
    }
    if x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let even = n.is_multiple_of(2);
    if x <= 0.0 && x == x.floor() {
        return match (even, x == 0.0) {
            (false, _) => f64::INFINITY,
            (true, true) => f64::NEG_INFINITY.copysign(-x),
            (true, false) => f64::NAN,
        };
    }
    let factorial: f64 = (2..=n).map(f64::from).product();
    let size = factorial * hurwitz_zeta(n + 1, x);
    if even { -size } else { size }
}

/// The digamma function, the derivative of ln Gamma.
pub(crate) fn digamma(x: f64) -> f64 {
    let psi = spec_math::cephes64::psi;
    if x >= 0.0 || !x.is_finite() || x == x.floor() {
        return psi(x);
    }
    let (sin, cos) = sin_cos_pi(x);
    psi(1.0 - x) - PI * cos / sin
}

/// The sum of (x + k)^-s over k = 0, 1, 2, ..., for whole s >= 2 and any x that is not a pole.
fn hurwitz_zeta(s: u32, x: f64) -> f64 {
    let order = f64::from(s);
    let zeta = |q| spec_math::cephes64::zeta(order, q);
    if x > 0.0 {
        return zeta(x);
    }
    // The terms right of 0 are a zeta at the distance to the pole below; those left of 0, read
    // from right to left, are the difference of two zetas.
    let below = x - x.floor();
    let above = x.ceil() - x;
    if s.is_multiple_of(2) {
        (zeta(below) + zeta(above)) - zeta(1.0 - x)
    } else {
        // This difference is exactly 0 half way between two poles.
        (zeta(below) - zeta(above)) + zeta(1.0 - x)
    }
}

/// `x` as a sum of two numbers of at most 26 significant bits, so that their products are exact.
fn split(x: f64) -> (f64, f64) {
    let high = f64::from_bits(x.to_bits() & !0x07ff_ffff);
    (high, x - high)
}

/// What rounding took from the product `x * y`.
///
/// Without a hardware instruction for it, a fused multiply-add would cost more.
fn product_error(x: f64, y: f64) -> f64 {
    let (xh, xl) = split(x);
    let (yh, yl) = split(y);
    ((xh * yh - x * y) + xh * yl + xl * yh) + xl * yl
}

/// exp(-x^2), with the rounding of x^2 undone: it alone would cost 1e-13 at 25.
pub(crate) fn gaussian(x: f64) -> f64 {
    if x.abs() > 40.0 {
        return 0.0;
    }
    let value = (-x * x).exp();
    value - value * product_error(x, x)
}

/// The density of the standard normal distribution, exp(-x^2 / 2) / sqrt(2 pi).
pub(crate) fn normal_pdf(x: f64) -> f64 {
    const FRAC_1_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
    if x.abs() > 40.0 {
        return 0.0;
    }
    let value = (-0.5 * x * x).exp();
    FRAC_1_SQRT_TAU * (value - 0.5 * value * product_error(x, x))
}

/// The distribution function of the standard normal distribution, erfc(-x / sqrt 2) / 2.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    // FRAC_1_SQRT_2 + LOW is 1 / sqrt 2 to twice the precision.
    const LOW: f64 = -4.833_646_656_726_457e-17;
    if x.abs() > 40.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let t = -x * FRAC_1_SQRT_2;
    let rounded_off = product_error(-x, FRAC_1_SQRT_2) - x * LOW;
    0.5 * (libm::erfc(t) - std::f64::consts::FRAC_2_SQRT_PI * (-t * t).exp() * rounded_off)
}

/// sin(pi x) and cos(pi x); the reduction of `x` is exact, so the zeros are.
fn sin_cos_pi(x: f64) -> (f64, f64) {
    let quarter_turns = (2.0 * x).round();
    let (sin, cos) = (PI * (x - 0.5 * quarter_turns)).sin_cos();
    match quarter_turns.rem_euclid(4.0) {
        0.0 => (sin, cos),
        1.0 => (cos, -sin),
        2.0 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// The `n`-th derivative of sin(pi x) / (pi x).
pub(crate) fn sinc_derivative(n: u32, x: f64) -> f64 {
    if x.is_infinite() {
        return 0.0;
    }
    if x.is_nan() {
        return x;
    }
    let y = PI * x;
    let order = f64::from(n);
    let scale = PI.powi(n as i32);
    if y.abs() > order + 1.0 || (n == 0 && y != 0.0) {
        // From y sinc = sin y, differentiated j times. Stable upwards while j < |y|.
        let (sin, cos) = sin_cos_pi(x);
        let cycle = [sin, cos, -sin, -cos];
        let mut s = sin / y;
        for j in 1..=n {
            s = (cycle[j as usize % 4] - f64::from(j) * s) / y;
        }
        return scale * s;
    }
    // The Taylor series, differentiated term by term: no cancellation at 0.
    let k0 = n.div_ceil(2);
    let mut k = f64::from(k0);
    let mut m = 2.0 * k - order;
    let mut term = if m == 0.0 { 1.0 } else { y };
    if k0 % 2 == 1 {
        term = -term;
    }
    let mut sum = 0.0;
    for _ in 0..500 {
        let before = sum;
        sum += term / (2.0 * k + 1.0);
        if sum == before {
            break;
        }
        term *= -y * y / ((m + 1.0) * (m + 2.0));
        k += 1.0;
        m += 2.0;
    }
    scale * sum
}

/// A function of `f64` applied to either number type.
#[inline(always)]
pub(crate) fn by_f64<T: Real>(x: N<T>, f: impl FnOnce(f64) -> f64) -> N<T> {
    N(T::of(f(x.0.as_f64())))
}

/// Where tanh and sech^2 change from a rational function to exp(-2|x|).
const TANH_SMALL: f64 = 0.625;

/// tanh for |x| < 0.625, by the rational function of the Cephes library.
#[inline(always)]
fn tanh_small<T: Real>(x: N<T>) -> N<T> {
    let s = x * x;
    let p =
        (-9.643_991_794_250_523e-1 * s - 9.928_772_310_019_185e1) * s - 1.614_687_684_417_084_5e3;
    let q = ((s + 1.128_116_784_916_329_3e2) * s + 2.235_488_390_601_004_5e3) * s
        + 4.844_063_053_251_255e3;
    x + x * s * (p / q)
}

/// The hyperbolic tangent. Unlike std's it shares its exponential with [`sech2`].
#[inline(always)]
pub(crate) fn tanh<T: Real>(x: N<T>) -> N<T> {
    if x.abs() < TANH_SMALL {
        tanh_small(x)
    } else {
        let e = (-2.0 * x.abs()).exp();
        ((1.0 - e) / (1.0 + e)).copysign(x)
    }
}

/// sech^2(x), the derivative of tanh. 1 - tanh^2 would cancel where tanh is near 1.
#[inline(always)]
pub(crate) fn sech2<T: Real>(x: N<T>) -> N<T> {
    if x.abs() < TANH_SMALL {
        let t = tanh_small(x);
        (1.0 - t) * (1.0 + t)
    } else {
        let e = (-2.0 * x.abs()).exp();
        let r = 1.0 / (1.0 + e);
        4.0 * e * r * r
    }
}

/// The logistic function and its derivative, from one exponential that cannot overflow.
#[inline(always)]
pub(crate) fn sigmoid_and_slope<T: Real>(x: N<T>) -> (N<T>, N<T>) {
    let e = (-x.abs()).exp();
    let r = 1.0 / (1.0 + e);
    let er = e * r;
    (if x >= 0.0 { r } else { er }, er * r)
}

/// ln(1 + exp x).
#[inline(always)]
pub(crate) fn softplus<T: Real>(x: N<T>) -> N<T> {
    let tail = (-x.abs()).exp().ln_1p();
    if x > 0.0 { x + tail } else { tail }
}

/// acosh, accurate near 1, where std's is not.
#[inline(always)]
pub(crate) fn acosh<T: Real>(x: N<T>) -> N<T> {
    if x < 2.0 {
        let t = x - 1.0;
        (t + (t * (2.0 + t)).sqrt()).ln_1p()
    } else if x < 1e9 {
        (x + (x * x - 1.0).sqrt()).ln()
    } else {
        x.ln() + std::f64::consts::LN_2
    }
}

/// Whether a product of two numbers of this size can neither overflow nor lose bits at the bottom,
/// in `f32` too.
#[inline(always)]
fn moderate<T: Real>(x: N<T>) -> bool {
    x > 1e-30 && x < 1e30
}

/// sqrt(x^2 + y^2). std's `hypot` is a call that cannot be shared; it is kept for the extremes.
#[inline(always)]
pub(crate) fn hypot<T: Real>(x: N<T>, y: N<T>) -> N<T> {
    let r2 = x * x + y * y;
    if moderate(r2) { r2.sqrt() } else { x.hypot(y) }
}

/// x / hypot(x, y), and 0 at the origin.
#[inline(always)]
pub(crate) fn over_hypot<T: Real>(x: N<T>, y: N<T>) -> N<T> {
    let r = hypot(x, y);
    if r == 0.0 {
        x.lit(0.0)
    } else if r == x.abs() {
        x.lit(1.0).copysign(x)
    } else {
        x / r
    }
}

/// x / (x^2 + y^2) without overflow of the squares, and 0 at the origin.
#[inline(always)]
pub(crate) fn over_r2<T: Real>(x: N<T>, y: N<T>) -> N<T> {
    let r2 = x * x + y * y;
    if moderate(r2) {
        x / r2
    } else if r2 == 0.0 && x == 0.0 && y == 0.0 || x.is_infinite() && !y.is_nan() {
        x.lit(0.0)
    } else if x.abs() >= y.abs() {
        1.0 / (x + y * (y / x))
    } else {
        let t = x / y;
        t / (y + x * t)
    }
}

/// y x^(y-1), from x^y by one division where that is accurate: a second power costs ten times that.
#[inline(always)]
pub(crate) fn pow_slope<T: Real>(x: N<T>, y: N<T>) -> N<T> {
    let z = x.powf(y);
    if moderate(z.abs()) && x.is_finite() && moderate(x.abs()) {
        y * z / x
    } else if y == 0.0 {
        // 0 also at x = 0, where 0 times 1/0 would make a NaN.
        if x.is_nan() { x } else { y }
    } else {
        y * x.powf(y - 1.0)
    }
}
