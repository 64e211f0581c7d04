// Package listing holds what both engines need to list events and deliveries page by page.
package listing
