/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/build/init_test.h"

static void a_package_is_installed_and_its_script_is_run(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "pyproject.toml");
	inited_add(
		&t, INIT_PYPROJECT,
		"[project]\nname = \"my-tool\"\nrequires-python = \">=3.9,<3.13\"\ndependencies = [\"x\"]\n"
		"[project.scripts]\nmytool = \"a:b\"\n");
	inited_run(&t, INIT_PYTHON);
	assert_says(&t, "FROM python:3.12-slim AS build\n");
	assert_says(&t, "\nFROM python:3.12-slim\n");
	assert_says(&t, "COPY pyproject.toml ./\n");
	assert_says(&t, "--mount=type=cache,target=/root/.cache/pip \\\n    pip install .\n");
	assert_says(&t, "ENTRYPOINT [\"mytool\"]\n");
	assert_true(strstr(t.dockerfile.data, "pip install -r") < strstr(t.dockerfile.data, "COPY . .\n"));
}

static void a_folder_with_requirements_is_run_from_its_files(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "requirements.txt app.py");
	inited_run(&t, INIT_PYTHON);
	assert_says(&t, "FROM python:3.13-slim AS build\n");
	assert_says(&t, "COPY requirements.txt ./\n");
	assert_says_not(&t, "pip install .\n");
	assert_says(&t, "COPY --from=build /venv /venv\nCOPY . .\n");
	assert_says(&t, "CMD [\"python\", \"app.py\"]\n");
}

static void what_is_run_is_found(void **state)
{
	(void)state;
	assert_makes(INIT_PYTHON, "requirements.txt manage.py main.py", INIT_PYPROJECT, "",
		     "CMD [\"python\", \"manage.py\", \"runserver\", \"0.0.0.0:8000\"]\n");
	assert_makes(INIT_PYTHON, "requirements.txt", INIT_PYPROJECT, "",
		     "CMD [\"python\", \"-m\", \"folder\"]\n");
	assert_makes(INIT_PYTHON, "setup.py", INIT_PYPROJECT, "", "pip install .\n");
	assert_makes(INIT_PYTHON, "pyproject.toml", INIT_PYPROJECT, "[project]\nname=\"a-b\"\n",
		     "CMD [\"python\", \"-m\", \"a_b\"]\n");
	assert_makes(INIT_PYTHON, "pyproject.toml", INIT_PYPROJECT,
		     "[tool.poetry]\nname=\"a\"\n[tool.poetry.dependencies]\npython=\"^3.14\"\n"
		     "[tool.poetry.scripts]\ns=\"x:y\"\n",
		     "FROM python:3.14-slim\n");
}

static void hostile_projects_get_nothing_into_a_dockerfile(void **state)
{
	(void)state;
	assert_makes(INIT_PYTHON, "pyproject.toml", INIT_PYPROJECT,
		     "[project]\nname=\"a\"\n[project.scripts]\n\"x\\\"]\\nUSER root\" = \"y\"\n",
		     "CMD [\"python\", \"-m\", \"a\"]\n");
	assert_makes(INIT_PYTHON, "pyproject.toml", INIT_PYPROJECT,
		     "project = [1]\ntool = 2\nbuild-system = \"x\"\n", "FROM python:3.13-slim\n");
	assert_makes(INIT_PYTHON, "pyproject.toml", INIT_PYPROJECT,
		     "[project]\nrequires-python=\"==3.999999 AS x\"\n", "FROM python:3.13-slim\n");
}

static void python_version_is_obeyed(void **state)
{
	(void)state;
	assert_makes(INIT_PYTHON, "setup.py .python-version", INIT_PYTHON_VERSION, "3.11.4\n",
		     "FROM python:3.11-slim\n");
	assert_makes(INIT_PYTHON, "setup.py .python-version", INIT_PYTHON_VERSION, "pypy3.9\n",
		     "FROM python:3.13-slim\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_package_is_installed_and_its_script_is_run),
		cmocka_unit_test(a_folder_with_requirements_is_run_from_its_files),
		cmocka_unit_test(what_is_run_is_found),
		cmocka_unit_test(hostile_projects_get_nothing_into_a_dockerfile),
		cmocka_unit_test(python_version_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
