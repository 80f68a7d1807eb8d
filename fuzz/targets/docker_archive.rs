//! An archive brought to a container, and the Dockerfile of a build.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::docker::fuzzing::archive;

fuzz::target!(archive);
