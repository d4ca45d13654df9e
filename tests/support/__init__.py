"""Pieces that tests of several layers share.

wire      HTTP/1.1 as bytes: write a request, send it, read the answer
upstream  a server that keeps every byte it receives, plain or TLS
waiting   wait for a condition, never for a time
mesh      the real Envoy from the real manifests, with upstreams in the place of hosts
"""
