// Package http sends messages as HTTP requests of any form.
package http
