// Package groupcommit gathers changes so that one transaction commits many.
package groupcommit
