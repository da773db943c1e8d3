// Package lib_windows is linked by somebody.
package lib_windows
