// Package sampledlog logs what happens often only now and then.
package sampledlog
