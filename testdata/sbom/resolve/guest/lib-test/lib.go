// Package lib_test is linked by somebody.
package lib_test
