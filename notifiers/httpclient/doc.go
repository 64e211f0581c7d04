// Package httpclient makes guarded, redacting HTTP calls and classifies their answers.
package httpclient
