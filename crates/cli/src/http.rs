//! `decnet api`: the API, in a process of its own or inside `decnet up`.

use std::net::SocketAddr;
use std::sync::Arc;

use ::api::{Api, Judge, Listening, Token};
use runtime::Crew;
use store::{LOCAL, Store};
use workers::Teller;

use crate::args;
use crate::context::Context;
use crate::crew;
use crate::detection;
use crate::exit::{Code, Coded as _, Result};

/// The file that holds the token, in the state folder.
const TOKEN: &str = "api-token";

pub async fn api(cx: &Context, asked: &args::Api) -> Result {
    let store = cx.store().await?;
    let bus = crew::bus(cx, "api").await?;
    let mut crew = Crew::new(bus.clone(), LOCAL);
    let address = SocketAddr::new(asked.host, asked.port);
    serve(cx, &mut crew, &store, address, &asked.engine).await?;
    crew::run(cx, "api", crew, bus).await
}

/// Listens, then serves for as long as the crew works.
pub async fn serve(cx: &Context, crew: &mut Crew, store: &Store, on: SocketAddr, engine: &args::Engine) -> Result {
    let setup = detection::setup(cx, engine)?;
    let detress = setup.config.compat_detress;
    let token = Token::at(&cx.state_dir().join(TOKEN)).or_exit(Code::Unreachable)?;
    let listening = Listening::on(on).await.or_exit(Code::Unreachable)?;
    let address = listening.address().or_exit(Code::Unreachable)?;
    let judge = Arc::new(Judge::new(setup));
    let api = Arc::new(Api {
        judge: judge.clone(),
        token,
        detress,
    });
    let cancel = crew.token();
    tokio::spawn(async move {
        if let Err(error) = listening.serve(api, cancel).await {
            tracing::error!(%error, "the API ended");
        }
    });
    let store = store.clone();
    crew.worker(move || {
        let judge = judge.clone();
        Teller::new(store.clone(), move || judge.news())
    });
    let token = cx.state_dir().join(TOKEN);
    cx.out.note(&format!(
        "the API is at http://{address}/api/v1, its token in {}",
        token.display()
    ));
    Ok(())
}
