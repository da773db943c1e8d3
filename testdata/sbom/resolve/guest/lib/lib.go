// Package lib is linked by somebody.
package lib
