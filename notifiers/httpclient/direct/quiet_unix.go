//go:build unix

package direct

import "syscall"

// canCheck reports that isQuiet works on this system.
const canCheck = true

// isQuiet reports whether a connection without a request is open and without bytes to read. It does not wait.
func (c *conn) isQuiet() bool {
	if c.raw == nil {
		return false
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), make([]byte, 1))
		quiet = err == syscall.EAGAIN
		return true
	})
	return err == nil && quiet
}
