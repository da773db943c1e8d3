module example.org/lib-test

go 1.21
