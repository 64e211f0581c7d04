// Package diag holds problems, their places and their severity.
package diag
