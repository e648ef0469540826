# A static binary in an empty image. Build: docker build -t signalbox .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/router ./cmd/router && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/router /router
ENV ROUTER_DATA=/data ROUTER_LISTEN=0.0.0.0:4566
USER 65532:65532
VOLUME /data
EXPOSE 4566
ENTRYPOINT ["/router"]
CMD ["serve"]
