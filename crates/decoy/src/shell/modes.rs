//! Terminal modes as a peer encodes them (RFC 4254 §8), into the settings of a terminal.

use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SpecialCharacterIndices as Special, Termios,
};

pub(super) fn apply(settings: &mut Termios, modes: &[(u8, u32)]) {
    for &(opcode, value) in modes {
        if let Some(index) = special(opcode) {
            // 255 turns the character off.
            settings.control_chars[index as usize] = if value == 255 { 0 } else { value as u8 };
        } else {
            set_flag(settings, opcode, value != 0);
        }
    }
}

fn special(opcode: u8) -> Option<Special> {
    Some(match opcode {
        1 => Special::VINTR,
        2 => Special::VQUIT,
        3 => Special::VERASE,
        4 => Special::VKILL,
        5 => Special::VEOF,
        6 => Special::VEOL,
        7 => Special::VEOL2,
        8 => Special::VSTART,
        9 => Special::VSTOP,
        10 => Special::VSUSP,
        12 => Special::VREPRINT,
        13 => Special::VWERASE,
        14 => Special::VLNEXT,
        18 => Special::VDISCARD,
        _ => return None,
    })
}

fn set_flag(settings: &mut Termios, opcode: u8, on: bool) {
    let input = match opcode {
        30 => InputFlags::IGNPAR,
        31 => InputFlags::PARMRK,
        32 => InputFlags::INPCK,
        33 => InputFlags::ISTRIP,
        34 => InputFlags::INLCR,
        35 => InputFlags::IGNCR,
        36 => InputFlags::ICRNL,
        38 => InputFlags::IXON,
        39 => InputFlags::IXANY,
        40 => InputFlags::IXOFF,
        41 => InputFlags::IMAXBEL,
        42 => InputFlags::IUTF8,
        _ => InputFlags::empty(),
    };
    settings.input_flags.set(input, on);
    let local = match opcode {
        50 => LocalFlags::ISIG,
        51 => LocalFlags::ICANON,
        53 => LocalFlags::ECHO,
        54 => LocalFlags::ECHOE,
        55 => LocalFlags::ECHOK,
        56 => LocalFlags::ECHONL,
        57 => LocalFlags::NOFLSH,
        58 => LocalFlags::TOSTOP,
        59 => LocalFlags::IEXTEN,
        60 => LocalFlags::ECHOCTL,
        61 => LocalFlags::ECHOKE,
        62 => LocalFlags::PENDIN,
        _ => LocalFlags::empty(),
    };
    settings.local_flags.set(local, on);
    let output = match opcode {
        70 => OutputFlags::OPOST,
        72 => OutputFlags::ONLCR,
        73 => OutputFlags::OCRNL,
        74 => OutputFlags::ONOCR,
        75 => OutputFlags::ONLRET,
        _ => OutputFlags::empty(),
    };
    settings.output_flags.set(output, on);
    let control = match opcode {
        92 => ControlFlags::PARENB,
        93 => ControlFlags::PARODD,
        _ => ControlFlags::empty(),
    };
    settings.control_flags.set(control, on);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_peer_says_of_its_terminal_holds_for_ours() {
        let pair = super::super::sys::open_terminal().unwrap();
        let mut settings = nix::sys::termios::tcgetattr(&pair.slave).unwrap();
        apply(&mut settings, &[(3, 8), (9, 255), (53, 0), (42, 1), (72, 0), (200, 7)]);
        nix::sys::termios::tcsetattr(&pair.slave, nix::sys::termios::SetArg::TCSANOW, &settings).unwrap();
        let settings = nix::sys::termios::tcgetattr(&pair.slave).unwrap();
        assert_eq!(settings.control_chars[Special::VERASE as usize], 8);
        assert_eq!(settings.control_chars[Special::VSTOP as usize], 0);
        assert!(!settings.local_flags.contains(LocalFlags::ECHO));
        assert!(settings.local_flags.contains(LocalFlags::ICANON));
        assert!(settings.input_flags.contains(InputFlags::IUTF8));
        assert!(!settings.output_flags.contains(OutputFlags::ONLCR));
    }
}
