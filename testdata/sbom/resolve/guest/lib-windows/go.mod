module example.org/lib-windows

go 1.21
