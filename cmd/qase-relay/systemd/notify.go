// Package systemd reports the state of this process to systemd, for units with Type=notify.
package systemd

import (
	"fmt"
	"net"
	"os"
)

// States of a service, for Notify.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
)

// Notify reports a state, or several on lines of their own. It does nothing in a process that systemd did not start
// with Type=notify.
func Notify(state string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if _, err = conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}
