//! The server as clients see it: real sockets, a real SQLite store in a temporary directory, a clock that tests set.

mod access;
mod admin;
mod bad_input;
mod capture;
mod connections;
mod exchange;
mod jobs;
mod mutations;
mod replay;
mod server;
