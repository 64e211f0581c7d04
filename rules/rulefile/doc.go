// Package rulefile reads the rules file.
package rulefile
