package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// field finds an unexported field of an upstream struct by its dotted path, and
// returns it as if it were exported. Upstream promises nothing about such
// fields, so one that is gone or has another type is an error that names it.
func field[T any](target any, path string) (reflect.Value, error) {
	at := reflect.ValueOf(target).Elem()
	where := fmt.Sprintf("`%s.%s` of nats-server v%s", at.Type().Name(), path, server.VERSION)
	for name := range strings.SplitSeq(path, ".") {
		if at.Kind() != reflect.Struct || !at.FieldByName(name).IsValid() {
			return reflect.Value{}, fmt.Errorf("there is no field %s", where)
		}
		at = at.FieldByName(name)
	}
	if want := reflect.TypeFor[T](); !want.AssignableTo(at.Type()) {
		return reflect.Value{}, fmt.Errorf("the field %s is now a %s and cannot hold a %s", where, at.Type(), want)
	}
	return reflect.NewAt(at.Type(), at.Addr().UnsafePointer()).Elem(), nil
}

func setField[T any](target any, path string, value T) error {
	at, err := field[T](target, path)
	if err == nil {
		at.Set(reflect.ValueOf(value))
	}
	return err
}
