// Package config reads the files of rules into a Config with its notifiers, and reads them again when they change.
package config
