// Package storetest holds the conformance suite of the engines.
package storetest
