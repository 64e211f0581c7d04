// Package metrics counts for Prometheus.
package metrics
