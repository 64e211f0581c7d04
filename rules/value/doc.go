// Package value reads and writes values whose types are known only when they come.
package value
