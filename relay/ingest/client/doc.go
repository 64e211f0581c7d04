// Package client posts webhooks to a relay.
package client
