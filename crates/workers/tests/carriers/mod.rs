//! Each test twice: on the bus of one process, and on a real nats-server.

macro_rules! on_both_carriers {
    ($($name:ident)*) => {
        mod in_process { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(::bus::Bus::in_process()).await }
        )* }
        mod nats { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let server = ::testkit::nats::NatsServer::start();
                let bus = ::bus::Bus::connect(::bus::NatsConfig::new(server.url(), "test")).await.unwrap();
                bus.ready(super::SOON).await.unwrap();
                super::$name(bus).await
            }
        )* }
    };
}
