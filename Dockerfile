# Breakwater in a container: one image for every process; docker-compose.yml runs them.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates make
WORKDIR /src
COPY tools/deps tools/
COPY package.json package-lock.json .npmrc ./
RUN tools/deps build
COPY . .
RUN make && make install DESTDIR=/out prefix=/usr

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates libcld2-0 libcurl3-gnutls libetpan20 libglib2.0-0 libgmime-3.0-0 libgnutls30 \
        libicu72 libjansson4 libmicrohttpd12 libpq5 libsodium23 \
    && rm -rf /var/lib/apt/lists/*
# its home holds the key that seals channel secrets; a volume mounted there takes over its owner
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/breakwater breakwater \
    && chmod 700 /var/lib/breakwater
COPY --from=build /out/usr/bin/breakwater /usr/bin/breakwater
USER breakwater
WORKDIR /var/lib/breakwater
ENV BREAKWATER_KEY_FILE=/var/lib/breakwater/key
EXPOSE 8080
ENTRYPOINT ["breakwater"]
CMD ["--help"]
