// Package qaseapi asks Qase for what events leave out.
package qaseapi
