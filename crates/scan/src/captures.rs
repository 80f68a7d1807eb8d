//! Captures: every packet dissected, fed to the engine or counted.

use capture::Reader;
use detect::{About, Body, Counters, Engine, Event, Input, Packet, Report, Time, Totals, arp};
use wire::link::LinkType;
use wire::packet::{Malformed, Net};

use crate::Options;
use crate::error::Error;
use crate::open::Opened;

/// How far reading came.
#[derive(Default)]
struct Progress {
    total: u64,
    analysed: u64,
    warnings: Vec<String>,
    complete: bool,
}

pub(crate) fn scan(input: Opened, options: &Options) -> Result<Report, Error> {
    let file = input.file;
    let mut engine = Engine::new(options.setup.clone(), Input::Packets);
    let reader = Reader::new(Box::new(input.bytes)).map_err(|error| of_begin(&file, error))?;
    let progress = feed(reader, &mut engine, &file)?;
    let unsupported = engine.counters().unsupported_linktype;
    if progress.total > 0 && unsupported == progress.total {
        return Err(Error::UnsupportedLinktype { file });
    }
    Ok(engine.finish().report(About {
        file,
        input_type: "pcap".to_owned(),
        complete: progress.complete,
        totals: Totals::Packets {
            packets_total: progress.total,
            packets_analysed: progress.analysed,
        },
        warnings: progress.warnings,
        strict_notices: options.strict_notices,
    }))
}

fn feed(mut reader: Reader, engine: &mut Engine, file: &str) -> Result<Progress, Error> {
    let mut progress = Progress {
        complete: true,
        ..Progress::default()
    };
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                progress.total += 1;
                progress.analysed += u64::from(take(&packet, engine));
            }
            Ok(None) => break,
            Err(error) => {
                progress.warnings.push(of_middle(file, progress.total, error)?);
                progress.complete = false;
                break;
            }
        }
    }
    if progress.total == 0 && progress.complete {
        progress.warnings.push("no_packets".to_owned());
    }
    Ok(progress)
}

/// True for an IP packet that was fed.
pub(crate) fn take(packet: &capture::Packet<'_>, engine: &mut Engine) -> bool {
    let Some(link) = LinkType::from_linktype(packet.link.into()) else {
        engine.counters().unsupported_linktype += 1;
        return false;
    };
    if packet.data.is_empty() {
        engine.counters().empty_records += 1;
        return false;
    }
    let cut = packet.data.len() < packet.length as usize;
    let at = Time(i64::try_from(packet.at).unwrap_or(i64::MAX));
    match wire::packet::Packet::read(link, packet.data, packet.length as usize) {
        Ok(read) if read.fault.is_some() && !cut => {
            engine.counters().malformed += 1;
            false
        }
        Ok(read) => fed(at, &read.net, engine),
        Err(fault) => {
            refuse(fault, engine.counters());
            false
        }
    }
}

fn fed(at: Time, net: &Net<'_>, engine: &mut Engine) -> bool {
    match Packet::of(at, net) {
        Some(packet) => {
            engine.packet(packet);
            true
        }
        None => {
            engine.counters().non_ip += 1;
            if let Some(request) = arp(net) {
                engine.event(Event::new(at, "pcap", Body::Arp(request)));
            }
            false
        }
    }
}

fn refuse(fault: Malformed, counters: &mut Counters) {
    match fault {
        Malformed::NotIp => counters.non_ip += 1,
        _ => counters.malformed += 1,
    }
}

fn of_begin(file: &str, error: capture::Error) -> Error {
    let (file, what) = (file.to_owned(), error.to_string());
    match error {
        capture::Error::NotACapture(what) if what.contains("header ends") => Error::TruncatedHeader { file, what },
        capture::Error::NotACapture(what) if what.contains("empty") => Error::Empty { file },
        capture::Error::NotACapture(what) => Error::BadMagic { file, what },
        capture::Error::Read { source, .. } => Error::io(&file, source),
        _ => Error::CorruptCapture { file, what },
    }
}

/// A fault after some packets is a warning; before the first it is an error.
fn of_middle(file: &str, packets: u64, error: capture::Error) -> Result<String, Error> {
    let what = error.to_string();
    let file = file.to_owned();
    match error {
        capture::Error::Read { source, .. } if source.to_string() == crate::open::LIMIT => {
            Err(Error::DecompressionLimit { file })
        }
        capture::Error::Truncated { .. } | capture::Error::Read { .. } => Ok(format!("truncated_record: {what}")),
        _ if packets == 0 => Err(Error::CorruptCapture { file, what }),
        _ => Ok(format!("corrupt_record: {what}")),
    }
}
