//go:build !unix

package direct

// canCheck reports that isQuiet works on this system.
const canCheck = false

// isQuiet is not called.
func (c *conn) isQuiet() bool { return false }
