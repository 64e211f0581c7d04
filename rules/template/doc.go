// Package template compiles and renders templates.
package template
