// Package people finds people in the directory.
package people
