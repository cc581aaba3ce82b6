# The filter alone, as Istio and Envoy Gateway load it from a registry: the "compat" variant of the Wasm Image
# Specification, which is one layer with one file of this name. Build context: the root of the repository:
#   BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build -f envoy/wasm.Dockerfile -t IMAGE .
# Without that variable recent Docker makes an index of images by platform, of which gateways take linux/amd64 alone.
FROM node:22-slim AS filter
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY asconfig.json as-literals.mjs as-shrink.mjs ./
COPY assembly assembly
RUN npm run build:wasm

FROM scratch
LABEL org.opencontainers.image.title="envoy-cookie-affinity" \
      org.opencontainers.image.description="Cookie session affinity for Envoy: a proxy-wasm filter with a sealed cookie" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=filter /src/build/affinity.wasm /plugin.wasm
