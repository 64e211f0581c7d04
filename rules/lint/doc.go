// Package lint checks a rules file against the catalogue.
package lint
