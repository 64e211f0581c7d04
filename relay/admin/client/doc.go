// Package client asks the admin API of a relay.
package client
