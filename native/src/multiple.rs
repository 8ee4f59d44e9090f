//! `multipleOf` as llguidance enforces it: in numbers of 32 bits, which must not overflow.

/// The multiples of `coefficient / 10^digits`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiple {
    coefficient: u64,
    digits: u32,
}

impl Multiple {
    /// None if llguidance can't enforce it.
    pub fn of(value: f64) -> Option<Multiple> {
        let value = value.abs();
        let mut scaled = value;
        let mut digits = 0;
        while scaled.fract() != 0.0 {
            scaled *= 10.0;
            digits += 1;
        }
        // the products are rounded: 0.8999999999999999 becomes 9
        let is_exact = |multiple: &Multiple| multiple.coefficient as f64 / 10_u64.pow(multiple.digits) as f64 == value;
        Self::reduced(scaled as u64, digits).filter(is_exact)
    }

    /// The multiples of both; none if llguidance can't enforce them.
    pub fn both(self, other: Multiple) -> Option<Multiple> {
        let digits = self.digits.max(other.digits);
        let (one, two) = (self.scaled(digits)?, other.scaled(digits)?);
        let product = fits(one.checked_mul(two)?)?;
        Self::reduced(if product == 0 { 0 } else { product / common_divisor(one, two) }, digits)
    }

    fn reduced(mut coefficient: u64, mut digits: u32) -> Option<Multiple> {
        while digits > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            digits -= 1;
        }
        // derivre adds the next digit to ten times a remainder
        let digit = 9 * 10_u64.checked_pow(digits).and_then(fits)?;
        fits(coefficient.checked_mul(10)?.checked_add(digit)?)?;
        Some(Multiple { coefficient, digits })
    }

    /// The coefficient with so many digits behind the point.
    fn scaled(self, digits: u32) -> Option<u64> {
        fits(self.coefficient.checked_mul(10_u64.checked_pow(digits - self.digits)?)?)
    }
}

fn fits(value: u64) -> Option<u64> {
    (value <= u32::MAX as u64).then_some(value)
}

fn common_divisor(one: u64, two: u64) -> u64 {
    if two == 0 {
        one
    } else {
        common_divisor(two, one % two)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiple(coefficient: u64, digits: u32) -> Option<Multiple> {
        Some(Multiple { coefficient, digits })
    }

    #[test]
    fn a_number_is_enforced_if_its_digits_fit() {
        assert_eq!(Multiple::of(-2.50), multiple(25, 1));
        assert_eq!(Multiple::of(0.001), multiple(1, 3));
        assert_eq!(Multiple::of(0.9), multiple(9, 1));
        assert_eq!(Multiple::of(1234.5678), multiple(12_345_678, 4));
        assert_eq!(Multiple::of(0.0), multiple(0, 0));
        assert_eq!(Multiple::of(400_000_000.0), multiple(400_000_000, 0));
        assert_eq!(Multiple::of(429_496_728.0), multiple(429_496_728, 0));
        for refused in [429_496_729.0, 4e9, 1e15, 1e-9, 0.123456789, 1.0 / 3.0, 1e-300, 5e-324, 0.8999999999999999] {
            assert_eq!(Multiple::of(refused), None, "{refused}");
        }
    }

    #[test]
    fn two_numbers_are_combined_if_their_product_fits() {
        let both = |one: f64, two: f64| Multiple::of(one)?.both(Multiple::of(two)?);
        assert_eq!(both(4.0, 6.0), multiple(12, 0));
        assert_eq!(both(0.25, 0.1), multiple(5, 1));
        assert_eq!(both(10.0, 0.01), multiple(10, 0));
        assert_eq!(both(3.0, 0.0), multiple(0, 0));
        assert_eq!(both(65_535.0, 65_535.0), multiple(65_535, 0));
        assert_eq!(both(65_536.0, 65_536.0), None);
        assert_eq!(both(65_536.0, 65_537.0), None);
        assert_eq!(both(1_000_000.0, 0.0001), None);
    }
}
