"""Node.js functions: handlers of every kind."""


def test_an_async_handler_answers(js):
    assert js("exports.handler = async (event) => ({ twice: event.n * 2 });")({"n": 4}) == (
        {"twice": 8},
        None,
    )


def test_a_callback_answers(js):
    assert js(
        "exports.handler = (event, context, callback) => setTimeout(() => callback(null, 'late'), 5);"
    )() == ("late", None)


def test_a_handler_that_gives_nothing_answers_null(js):
    assert js("exports.handler = () => 5;")() == (None, None)


def test_an_exception_becomes_awss_error(js):
    answer, error = js("exports.handler = async () => { throw new TypeError('no'); };")()
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("TypeError", "no")
    assert answer["trace"][0] == "TypeError: no"


def test_an_uncaught_exception_ends_the_worker_and_nothing_else(js):
    boom = js(
        "exports.handler = (event, context, callback) => event"
        " ? setTimeout(() => { throw new Error('boom'); }, 1) : callback(null, 'fine');"
    )
    answer, error = boom(1)
    assert (answer["errorMessage"], error) == ("boom", "Unhandled")
    assert boom(0) == ("fine", None)


def test_a_missing_module_and_a_missing_handler_are_named(js):
    answer, _ = js("", handler="gone.handler")()
    assert answer["errorType"] == "Runtime.ImportModuleError"
    answer, _ = js("exports.other = 1;")()
    assert (answer["errorType"], answer["errorMessage"]) == (
        "Runtime.HandlerNotFound",
        "app.handler is undefined or not exported",
    )


def test_the_context_counts_down(js):
    answer, _ = js(
        "exports.handler = async (e, c) =>"
        " [c.functionName.length > 0, c.getRemainingTimeInMillis() <= 3000, c.awsRequestId.length];"
    )()
    assert answer == [True, True, 36]
