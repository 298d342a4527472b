module cybexp/grafana

go 1.25.11

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
