FLASK_APP=simsvc.flask_app
