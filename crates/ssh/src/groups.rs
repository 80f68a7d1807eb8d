//! Groups of numbers for the exchange of Diffie and Hellman: those everybody knows (RFC 2409, RFC 3526), and those a
//! machine has of its own.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};

use crate::random::Random;

/// Bits of our secret: twice what the longest key needs, as OpenSSH takes them.
const SECRET: usize = 1024 / 8;
/// Smallest and largest group of an exchange of groups (OpenSSH's `DH_GRP_MIN` and `DH_GRP_MAX`).
pub const LEAST: u32 = 2048;
pub const MOST: u32 = 8192;
/// Bytes and entries of a `moduli` file that are read.
const MAX_FILE: usize = 2 << 20;
const MAX_ENTRIES: usize = 2048;

/// A prime, big-endian, and its generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub prime: Vec<u8>,
    pub generator: u8,
}

/// The groups a machine has in its `moduli` file.
#[derive(Clone, Debug, Default)]
pub struct Moduli(Vec<Group>);

// === impl Group ===

impl Group {
    /// The group of that number, when it is one of 1, 14, 16 and 18.
    pub fn numbered(number: u8) -> Option<Self> {
        let digits = match number {
            1 => GROUP_1,
            14 => GROUP_14,
            16 => GROUP_16,
            18 => GROUP_18,
            _ => return None,
        };
        Some(Self {
            prime: unhex(digits)?,
            generator: 2,
        })
    }

    pub fn bits(&self) -> u32 {
        self.prime.len() as u32 * 8 - self.prime.first().map_or(0, |first| first.leading_zeros())
    }

    /// Our public value and the shared secret, both big-endian; none when the peer's value is not of the group.
    pub fn respond(&self, peer: &[u8], random: &mut impl Random) -> Option<(Vec<u8>, Vec<u8>)> {
        let bits = self.bits();
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).ok();
        let prime = number(&self.prime)?;
        let peer = number(peer)?;
        let one = BoxedUint::one_with_precision(bits);
        if peer <= one || peer >= prime.wrapping_sub(&one) {
            return None;
        }
        let mut secret = [0; SECRET];
        random.fill(&mut secret);
        let secret = BoxedUint::from_be_slice(&secret, SECRET as u32 * 8).ok()?;
        let params = BoxedMontyParams::new_vartime(Odd::new(prime).into_option()?);
        let power = |base: BoxedUint| {
            let power = BoxedMontyForm::new(base, &params).pow(&secret);
            power.retrieve().to_be_bytes().into_vec()
        };
        Some((power(number(&[self.generator])?), power(peer)))
    }
}

// === impl Moduli ===

impl Moduli {
    /// Reads a file as `moduli(5)` tells it; lines that are not understood are passed over.
    pub fn parse(file: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&file[..file.len().min(MAX_FILE)]);
        Self(text.lines().filter_map(entry).take(MAX_ENTRIES).collect())
    }

    /// One of those nearest to what was wished; the best known one when there is none.
    pub fn choose(&self, least: u32, wished: u32, most: u32, random: &mut impl Random) -> Option<Group> {
        let mut best = 0;
        for group in &self.0 {
            let bits = group.bits();
            let nearer = (bits > wished && bits < best) || (bits > best && best < wished);
            if (least..=most).contains(&bits) && nearer {
                best = bits;
            }
        }
        let nearest: Vec<&Group> = self.0.iter().filter(|group| group.bits() == best).collect();
        if nearest.is_empty() {
            return Group::numbered(match most {
                0..=3071 => 14,
                3072..=6143 => 16,
                _ => 18,
            });
        }
        let mut dice = [0; 4];
        random.fill(&mut dice);
        let chosen = u32::from_le_bytes(dice) as usize % nearest.len();
        nearest.get(chosen).map(|group| (*group).clone())
    }
}

/// `time type tests tries size generator modulus`: safe primes that were tested.
fn entry(line: &str) -> Option<Group> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, kind, tests, _, size, generator, modulus] = words[..] else {
        return None;
    };
    let tests: u32 = tests.parse().ok()?;
    let group = Group {
        prime: unhex(modulus)?,
        generator: u8::from_str_radix(generator, 16).ok().filter(|&base| base > 1)?,
    };
    let size: u32 = size.parse().ok()?;
    let fits = size.checked_add(1) == Some(group.bits()) && group.bits() <= MOST;
    let good = kind == "2" && tests & 1 == 0 && tests & !1 != 0 && fits;
    (good && group.prime.last().is_some_and(|last| last & 1 == 1)).then_some(group)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

const GROUP_1: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b\
    302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6\
    49286651ece65381ffffffffffffffff";

const GROUP_14: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b\
    302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6\
    49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d\
    670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718\
    3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";

const GROUP_16: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b\
    302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6\
    49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d\
    670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718\
    3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7d\
    b3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c\
    bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b26\
    99c327186af4e23c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2\
    233ba186515be7ed1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c934063199\
    ffffffffffffffff";

const GROUP_18: &str = "\
    ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b\
    302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6\
    49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d\
    670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718\
    3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7d\
    b3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c\
    bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b26\
    99c327186af4e23c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2\
    233ba186515be7ed1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c934028492\
    36c3fab4d27c7026c1d4dcb2602646dec9751e763dba37bdf8ff9406ad9e530ee5db382f413001aeb06a53ed9027d831179727b0865a8918\
    da3edbebcf9b14ed44ce6cbaced4bb1bdb7f1447e6cc254b332051512bd7af426fb8f401378cd2bf5983ca01c64b92ecf032ea15d1721d03\
    f482d7ce6e74fef6d55e702f46980c82b5a84031900b1c9e59e7c97fbec7e8f323a97a7e36cc88be0f1d45b7ff585ac54bd407b22b4154aa\
    cc8f6d7ebf48e1d814cc5ed20f8037e0a79715eef29be32806a1d58bb7c5da76f550aa3d8a1fbff0eb19ccb1a313d55cda56c9ec2ef29632\
    387fe8d76e3c0468043e8f663f4860ee12bf2d5b0b7474d6e694f91e6dbe115974a3926f12fee5e438777cb6a932df8cd8bec4d073b931ba\
    3bc832b68d9dd300741fa7bf8afc47ed2576f6936ba424663aab639c5ae4f5683423b4742bf1c978238f16cbe39d652de3fdb8befc848ad9\
    22222e04a4037c0713eb57a81a23f0c73473fc646cea306b4bcbc8862f8385ddfa9d4b7fa2c087e879683303ed5bdd3a062b3cf5b3a278a6\
    6d2a13f83f44f82ddf310ee074ab6a364597e899a0255dc164f31cc50846851df9ab48195ded7ea1b1d510bd7ee74d73faf36bc31ecfa268\
    359046f4eb879f924009438b481c6cd7889a002ed5ee382bc9190da6fc026e479558e4475677e9aa9e3050e2765694dfc81f56e880b96e71\
    60c980dd98edd3dfffffffffffffffff";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Counting;

    #[test]
    fn both_sides_come_to_the_same_secret() {
        for number in [1, 14, 16, 18] {
            let group = Group::numbered(number).unwrap();
            // Two raised to the third: the secret is our own public value raised to it.
            let (ours, secret) = group.respond(&[8], &mut Counting::default()).unwrap();
            let bits = group.bits();
            let params =
                BoxedMontyParams::new_vartime(Odd::new(BoxedUint::from_be_slice(&group.prime, bits).unwrap()).unwrap());
            let base = BoxedMontyForm::new(BoxedUint::from_be_slice(&ours, bits).unwrap(), &params);
            let cube = base.pow(&BoxedUint::from_be_slice(&[3], 8).unwrap()).retrieve();
            assert_eq!(*cube.to_be_bytes(), secret[..], "{number}");
        }
    }

    #[test]
    fn values_that_give_the_secret_away_are_refused() {
        let group = Group::numbered(14).unwrap();
        let mut last = group.prime.clone();
        *last.last_mut().unwrap() -= 1;
        for value in [&[][..], &[1], &last, &group.prime, &[0xff; 300]] {
            assert_eq!(group.respond(value, &mut Counting::default()), None);
        }
    }

    #[test]
    fn the_nearest_group_of_the_machine_is_taken_and_else_a_known_one() {
        let line = |number: u8| {
            let group = Group::numbered(number).unwrap();
            let digits: String = group.prime.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("20220101 2 6 100 {} 2 {digits}\n", group.bits() - 1)
        };
        let file = format!("# comment\n{}{}20220101 2 6 100 x 2 FF\n", line(14), line(16));
        let moduli = Moduli::parse(file.as_bytes());
        assert_eq!(moduli.0.len(), 2);
        let bits = |moduli: &Moduli, least, wished, most| {
            moduli
                .choose(least, wished, most, &mut Counting::default())
                .unwrap()
                .bits()
        };
        assert_eq!(bits(&moduli, 2048, 2048, 8192), 2048);
        assert_eq!(bits(&moduli, 2048, 3072, 8192), 4096);
        assert_eq!(bits(&moduli, 2048, 8192, 8192), 4096);
        assert_eq!(bits(&Moduli::default(), 2048, 3072, 8192), 8192);
        assert_eq!(bits(&Moduli::default(), 2048, 2048, 2048), 2048);
    }
}
