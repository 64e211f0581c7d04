// Package pagerduty sends messages to PagerDuty.
package pagerduty
