//! Places on a sphere as numbers whose order keeps neighbours together, and circles and boxes of them, reckoned as
//! Redis does so that answers agree to the last digit.

/// Earth's radius in metres, as Redis has it.
const RADIUS: f64 = 6_372_797.560_856;
const MERCATOR: f64 = 20_037_726.37;
const LON: f64 = 180.0;
const LAT: f64 = 85.051_128_78;
/// Halvings of each axis in a score.
pub(super) const STEPS: u32 = 26;
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
const EVEN: u64 = 0x5555_5555_5555_5555;
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) lon: f64,
    pub(super) lat: f64,
}

/// What is looked for around a place; in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A square of the globe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    steps: u32,
}

// === impl Place ===

impl Place {
    pub(super) fn is_on_the_map(self) -> bool {
        (-LON..=LON).contains(&self.lon) && (-LAT..=LAT).contains(&self.lat)
    }

    /// The score of a member there.
    pub(super) fn score(self) -> u64 {
        Cell::of(self, STEPS, LAT).bits
    }

    /// The middle of the square a score names.
    pub(super) fn of_score(bits: u64) -> Self {
        let (low, high) = Cell { bits, steps: STEPS }.corners();
        Self {
            lon: ((low.lon + high.lon) / 2.0).clamp(-LON, LON),
            lat: ((low.lat + high.lat) / 2.0).clamp(-LAT, LAT),
        }
    }

    /// Eleven letters, as other geohash programs write it.
    pub(super) fn letters(self) -> Vec<u8> {
        let bits = Cell::of(self, STEPS, 90.0).bits;
        let letter = |at: u32| match at {
            10 => ALPHABET[0],
            at => ALPHABET[(bits >> (52 - (at + 1) * 5)) as usize & 31],
        };
        (0..11).map(letter).collect()
    }

    /// Metres along the surface.
    pub(super) fn distance(self, other: Self) -> f64 {
        let (lat, other_lat) = (self.lat.to_radians(), other.lat.to_radians());
        let v = ((other.lon.to_radians() - self.lon.to_radians()) / 2.0).sin();
        if v == 0.0 {
            return RADIUS * (other_lat - lat).abs();
        }
        let u = ((other_lat - lat) / 2.0).sin();
        let a = u * u + lat.cos() * other_lat.cos() * v * v;
        2.0 * RADIUS * a.sqrt().asin()
    }
}

// === impl Shape ===

impl Shape {
    /// How far from the middle the place is, when it is within.
    pub(super) fn holds(self, middle: Place, place: Place) -> Option<f64> {
        match self {
            Self::Circle { radius } => Some(middle.distance(place)).filter(|distance| *distance <= radius),
            Self::Box { width, height } => {
                let beside = Place {
                    lon: middle.lon,
                    ..place
                };
                let above = Place {
                    lat: middle.lat,
                    ..place
                };
                let within = place.distance(beside) <= width / 2.0 && place.distance(above) <= height / 2.0;
                within.then(|| middle.distance(place))
            }
        }
    }

    /// Ranges of scores, the second not in it, that hold all there is within, in the order they are looked through.
    pub(super) fn scores(self, middle: Place) -> Vec<(u64, u64)> {
        let (low, high) = self.bounds(middle);
        let reach = match self {
            Self::Circle { radius } => radius,
            Self::Box { width, height } => (width / 2.0).hypot(height / 2.0),
        };
        let mut steps = steps_for(reach, middle.lat);
        let mut cell = Cell::of(middle, steps, LAT);
        if steps > 1 && cell.is_small_for(middle, reach) {
            steps -= 1;
            cell = Cell::of(middle, steps, LAT);
        }
        let (cell_low, cell_high) = cell.corners();
        let needed = |east: i8, north: i8| {
            steps < 2
                || !((cell_low.lat < low.lat && north < 0)
                    || (cell_high.lat > high.lat && north > 0)
                    || (cell_low.lon < low.lon && east < 0)
                    || (cell_high.lon > high.lon && east > 0))
        };
        let around = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (east, north) in around.into_iter().filter(|(east, north)| needed(*east, *north)) {
            let range = cell.moved(east, north).scores();
            // At the largest scales two neighbours are one square.
            if !ranges.contains(&range) {
                ranges.push(range);
            }
        }
        ranges
    }

    fn bounds(self, middle: Place) -> (Place, Place) {
        let (width, height) = match self {
            Self::Circle { radius } => (radius, radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let lat = (height / RADIUS).to_degrees();
        let widest = if middle.lat < 0.0 {
            middle.lat - lat
        } else {
            middle.lat + lat
        };
        let lon = (width / RADIUS / widest.to_radians().cos()).to_degrees();
        let corner = |sign: f64| Place {
            lon: middle.lon + sign * lon,
            lat: middle.lat + sign * lat,
        };
        (corner(-1.0), corner(1.0))
    }
}

// === impl Cell ===

impl Cell {
    fn of(place: Place, steps: u32, lat: f64) -> Self {
        let offset = |value: f64, most: f64| {
            let share = (value + most) / (2.0 * most);
            ((share * (1_u64 << steps) as f64) as u64).min(u32::MAX.into())
        };
        Self {
            bits: spread(offset(place.lat, lat)) | spread(offset(place.lon, LON)) << 1,
            steps,
        }
    }

    /// South-west and north-east.
    fn corners(self) -> (Place, Place) {
        let (lat, lon) = (gather(self.bits), gather(self.bits >> 1));
        let scale = (1_u64 << self.steps) as f64;
        let corner = |more: u64| Place {
            lon: -LON + (lon + more) as f64 / scale * (2.0 * LON),
            lat: -LAT + (lat + more) as f64 / scale * (2.0 * LAT),
        };
        (corner(0), corner(1))
    }

    /// Whether the squares around do not reach far enough.
    fn is_small_for(self, middle: Place, reach: f64) -> bool {
        let (_, north) = self.moved(0, 1).corners();
        let (south, _) = self.moved(0, -1).corners();
        let (_, east) = self.moved(1, 0).corners();
        let (west, _) = self.moved(-1, 0).corners();
        let ends = [
            Place {
                lat: north.lat,
                ..middle
            },
            Place {
                lat: south.lat,
                ..middle
            },
            Place {
                lon: east.lon,
                ..middle
            },
            Place {
                lon: west.lon,
                ..middle
            },
        ];
        ends.into_iter().any(|end| middle.distance(end) < reach)
    }

    fn moved(self, east: i8, north: i8) -> Self {
        let shift = 64 - self.steps * 2;
        let step = |bits: u64, axis: u64, other: u64, by: i8| {
            let fill = other >> shift;
            let one = fill.wrapping_add(1);
            let moved = match by {
                0 => return bits & axis,
                1.. => (bits & axis).wrapping_add(one),
                _ => (bits & axis | fill).wrapping_sub(one),
            };
            moved & axis >> shift
        };
        Self {
            bits: step(self.bits, ODD, EVEN, east) | step(self.bits, EVEN, ODD, north),
            ..self
        }
    }

    fn scores(self) -> (u64, u64) {
        let shift = 52 - self.steps * 2;
        (self.bits << shift, (self.bits + 1) << shift)
    }
}

/// How small squares may be for nine of them to hold a circle.
fn steps_for(reach: f64, lat: f64) -> u32 {
    if reach <= 0.0 {
        return STEPS;
    }
    let (mut reach, mut steps) = (reach, 1_i32);
    while reach < MERCATOR {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Towards the poles squares are narrow.
    steps -= i32::from(lat.abs() > 66.0) + i32::from(lat.abs() > 80.0);
    steps.clamp(1, STEPS as i32) as u32
}

/// Puts a zero between any two of 32 bits.
fn spread(bits: u64) -> u64 {
    (0..32).fold(0, |sum, at| sum | (bits >> at & 1) << (2 * at))
}

fn gather(bits: u64) -> u64 {
    (0..32).fold(0, |sum, at| sum | (bits >> (2 * at) & 1) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Place = Place {
        lon: 13.361389,
        lat: 38.115556,
    };
    const CATANIA: Place = Place {
        lon: 15.087269,
        lat: 37.502669,
    };

    #[test]
    fn scores_letters_and_distances_are_those_of_the_genuine_server() {
        assert_eq!(
            (PALERMO.score(), CATANIA.score()),
            (3_479_099_956_230_698, 3_479_447_370_796_909)
        );
        assert_eq!(PALERMO.letters(), b"sqc8b49rny0");
        let held = Place::of_score(PALERMO.score());
        assert_eq!(format!("{:.17}", held.lon), "13.36138933897018433");
        assert_eq!(format!("{:.17}", held.lat), "38.11555639549629859");
        assert_eq!(
            format!("{:.4}", held.distance(Place::of_score(CATANIA.score()))),
            "166274.1516"
        );
    }

    #[test]
    fn whatever_is_within_a_shape_has_a_score_in_its_ranges() {
        let middle = Place { lon: 179.9, lat: -70.0 };
        for shape in [
            Shape::Circle { radius: 3e5 },
            Shape::Circle { radius: 2e7 },
            Shape::Box {
                width: 1e5,
                height: 4e5,
            },
        ] {
            let ranges = shape.scores(middle);
            for n in 0..2000 {
                let place = Place {
                    lon: -LON + f64::from(n * 37 % 2000) * 0.18,
                    lat: -85.0 + f64::from(n * 91 % 2000) * 0.085,
                };
                // The genuine server does not look across the date line beyond a neighbour either.
                if shape.holds(middle, place).is_some() && (place.lon - middle.lon).abs() < 90.0 {
                    let score = place.score();
                    assert!(
                        ranges.iter().any(|(low, high)| (*low..*high).contains(&score)),
                        "{place:?} {shape:?}"
                    );
                }
            }
        }
    }
}
