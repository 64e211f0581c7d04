// Package yamldoc reads YAML strictly and knows the place of each value.
package yamldoc
