// Package event reads what Qase sends.
package event
