//! The pages of `docs/`, in `cargo doc` and as doc tests. No program contains this module.
//!
//! The pages refer to each other by labels, such as `[patterns.md]`, and define them at their ends, for readers of the files.
//! The first definition of a label counts, so those that `page` puts in front of each page lead to modules here. A label
//! that is missing in this list leads to a file that is not there.

/// A page, with the links that lead to other pages and to files of the repository. `$root` is the way from the page's place in
/// `target/doc` to the repository.
macro_rules! page {
    ($root:literal, $page:literal) => {
        concat!(
            "[README.md]: crate::handbook\n",
            "[authentication.md]: crate::handbook::authentication\n",
            "[authentication.md#first-message]: crate::handbook::authentication#first-message\n",
            "[authentication.md#why-browsers-cannot-set-headers]: crate::handbook::authentication#why-browsers-cannot-set-headers\n",
            "[broadcast.md]: crate::handbook::broadcast\n",
            "[broadcast.md#one-user-several-servers]: crate::handbook::broadcast#one-user-several-servers\n",
            "[byte-streams.md]: crate::handbook::byte_streams\n",
            "[comparison.md]: crate::handbook::comparison\n",
            "[compression.md]: crate::handbook::compression\n",
            "[deployment.md]: crate::handbook::deployment\n",
            "[deployment.md#health-on-the-same-port]: crate::handbook::deployment#health-on-the-same-port\n",
            "[deployment.md#kubernetes]: crate::handbook::deployment#kubernetes\n",
            "[faq.md]: crate::handbook::faq\n",
            "[getting-started.md]: crate::handbook::getting_started\n",
            "[getting-started.md#5-a-test]: crate::handbook::getting_started#5-a-test\n",
            "[http.md]: crate::handbook::http\n",
            "[keepalive.md]: crate::handbook::keepalive\n",
            "[keepalive.md#how-do-i-detect-a-dead-peer]: crate::handbook::keepalive#how-do-i-detect-a-dead-peer\n",
            "[keepalive.md#the-round-trip]: crate::handbook::keepalive#the-round-trip\n",
            "[leniency.md]: crate::handbook::leniency\n",
            "[limits.md]: crate::handbook::limits\n",
            "[patterns.md]: crate::handbook::patterns\n",
            "[patterns.md#back-pressure]: crate::handbook::patterns#back-pressure\n",
            "[patterns.md#consume-produce-both]: crate::handbook::patterns#consume-produce-both\n",
            "[patterns.md#request-and-response]: crate::handbook::patterns#request-and-response\n",
            "[proxies.md]: crate::handbook::proxies\n",
            "[proxies.md#host-and-origin]: crate::handbook::proxies#host-and-origin\n",
            "[proxies.md#idle-connections]: crate::handbook::proxies#idle-connections\n",
            "[proxies.md#load-balancers]: crate::handbook::proxies#load-balancers\n",
            "[proxies.md#the-clients-address]: crate::handbook::proxies#the-clients-address\n",
            "[reconnecting.md]: crate::handbook::reconnecting\n",
            "[reconnecting.md#a-loop-of-your-own]: crate::handbook::reconnecting#a-loop-of-your-own\n",
            "[reconnecting.md#subscribe-again]: crate::handbook::reconnecting#subscribe-again\n",
            "[shutdown.md]: crate::handbook::shutdown\n",
            "[shutdown.md#with-axum]: crate::handbook::shutdown#with-axum\n",
            "[shutdown.md#rolling-restarts]: crate::handbook::shutdown#rolling-restarts\n",
            "[testing.md]: crate::handbook::testing\n",
            "[through-a-proxy.md]: crate::handbook::through_a_proxy\n",
            "[timeouts.md]: crate::handbook::timeouts\n",
            "[tracing.md]: crate::tracing\n",
            "[tls.md]: crate::handbook::tls\n",
            "[tls.md#another-tls-library]: crate::handbook::tls#another-tls-library\n",
            "[../CONTRIBUTING.md]: ", $root, "CONTRIBUTING.md\n",
            "[../README.md]: ", $root, "README.md\n",
            "[../examples/broadcast.rs]: ", $root, "examples/broadcast.rs\n",
            "[../examples/chat]: ", $root, "examples/chat\n",
            "[../examples/chat/src/limits.rs]: ", $root, "examples/chat/src/limits.rs\n",
            "[../examples/client/README.md]: ", $root, "examples/client/README.md\n",
            "[../examples/echo]: ", $root, "examples/echo\n",
            "[../examples/echo_smol.rs]: ", $root, "examples/echo_smol.rs\n",
            "[../examples/echo_tls.rs]: ", $root, "examples/echo_tls.rs\n",
            "[../examples/embed]: ", $root, "examples/embed\n",
            "[../examples/feed.rs]: ", $root, "examples/feed.rs\n",
            "[../examples/frameworks/src/bin/axum.rs]: ", $root, "examples/frameworks/src/bin/axum.rs\n",
            "[../examples/frameworks/src/bin/gateway.rs]: ", $root, "examples/frameworks/src/bin/gateway.rs\n",
            "[../examples/frameworks/src/bin/hyper_upgrade.rs]: ", $root, "examples/frameworks/src/bin/hyper_upgrade.rs\n",
            "[../examples/frameworks/src/bin/broadcast.rs]: ", $root, "examples/frameworks/src/bin/broadcast.rs\n",
            "[../fuzz/README.md]: ", $root, "fuzz/README.md\n",
            "[../src/connection/clock.rs]: ", $root, "src/connection/clock.rs\n",
            "[../tests/README.md]: ", $root, "tests/README.md\n",
            "[../tests/browser]: ", $root, "tests/browser\n",
            "[../tests/protocol/handshake/leniency.rs]: ", $root, "tests/protocol/handshake/leniency.rs\n",
            "[../tests/proxies]: ", $root, "tests/proxies\n",
            "[../tests/proxies/haproxy.cfg]: ", $root, "tests/proxies/haproxy.cfg\n",
            "[../tests/proxies/nginx.conf]: ", $root, "tests/proxies/nginx.conf\n",
            "[../tests/tls/pinning.rs]: ", $root, "tests/tls/pinning.rs\n",
            "[async.md]: ", $root, "docs/async.md\n",
            "[deadlines.md]: ", $root, "docs/deadlines.md\n",
            "[dependencies.md]: ", $root, "docs/dependencies.md\n",
            "[differential.md]: ", $root, "docs/differential.md\n",
            "[interop.md]: ", $root, "docs/interop.md\n",
            "[migrating.md]: ", $root, "docs/migrating.md\n",
            "[performance.md]: ", $root, "docs/performance.md\n",
            "[scaling.md]: ", $root, "docs/scaling.md\n",
            "\n",
            include_str!(concat!("../docs/", $page))
        )
    };
}

macro_rules! pages {
    ($($name:ident: $page:literal,)*) => { $(
        #[doc = page!("../../../../../", $page)]
        pub mod $name {}
    )* };
}

#[doc = page!("../../../../", "README.md")]
pub mod handbook {
    pages! {
        getting_started: "getting-started.md",
        patterns: "patterns.md",
        broadcast: "broadcast.md",
        authentication: "authentication.md",
        keepalive: "keepalive.md",
        timeouts: "timeouts.md",
        reconnecting: "reconnecting.md",
        shutdown: "shutdown.md",
        limits: "limits.md",
        compression: "compression.md",
        tls: "tls.md",
        byte_streams: "byte-streams.md",
        http: "http.md",
        leniency: "leniency.md",
        proxies: "proxies.md",
        through_a_proxy: "through-a-proxy.md",
        deployment: "deployment.md",
        testing: "testing.md",
        faq: "faq.md",
        comparison: "comparison.md",
    }
}
