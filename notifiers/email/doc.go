// Package email sends messages as mail.
package email
